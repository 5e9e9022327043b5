/** The kernel's answers, as read by the server's own calls and by Node.js. */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { DirentReader } from '#src/sys/files/dirents.ts';
import { handle, openHandle, takeHandle } from '#src/sys/files/handles.ts';
import { close, errno, openat } from '#src/sys/libc.ts';
import { descriptorLimit } from '#src/sys/process/descriptor-limit.ts';
import { cName, cName2, cText, procFd } from '#src/sys/files/names.ts';
import { isWithin, pathOf } from '#src/sys/files/paths.ts';
import { statfs, statfsFd } from '#src/sys/files/statfs.ts';
import { statFd, statName } from '#src/sys/files/statx.ts';
import { FsError } from '#src/errno.ts';
import { SPOILED } from '../support/spoil.ts';
import { fsError, lastError, systemError } from '#src/sys/failure.ts';
import { withBoth, withWcc } from '#src/xlators/storage/posix/failure.ts';

const dir = mkdtempSync(join(tmpdir(), 'sys-'));
const fd = openSync(dir, 'r');
t.teardown(() => {
  closeSync(fd);
  rmSync(dir, { recursive: true });
});

t.test('statx', async t => {
  writeFileSync(join(dir, 'f'), 'hello', { mode: 0o640 });
  truncateSync(join(dir, 'f'), 5 * 2 ** 30);
  utimesSync(join(dir, 'f'), -1.5, 2 ** 32);
  const stat = statName(fd, cName('f'))!;
  const is = statSync(join(dir, 'f'), { bigint: true });
  t.equal(stat.ino, is.ino);
  t.equal(stat.inoKey, Number(is.ino));
  t.equal(stat.size, 5 * 2 ** 30);
  t.equal(stat.used, Number(is.blocks) * 512);
  t.equal(stat.mode, Number(is.mode));
  t.equal(stat.nlink, 1);
  t.equal(stat.uid, Number(is.uid));
  t.equal(stat.gid, Number(is.gid));
  for (const name of ['atime', 'mtime', 'ctime'] as const) {
    t.equal(BigInt(stat[name]) * 1_000_000_000n + BigInt(stat[`${name}Nsec`]), is[`${name}Ns`], name);
  }
  t.ok(stat.hasBtime);
  t.ok(stat.mountId > 0);
  t.equal(statFd(fd), stat, 'all answers use the same memory');
  t.equal(stat.ino, statSync(dir, { bigint: true }).ino);
  const none = [statName(fd, cName('none')), lastError('x')]; // A later call may change errno.
  t.match(none, [undefined, { code: 'ENOENT' }]);
  symlinkSync('f', join(dir, 'l'));
  statName(fd, cName('l'));
  t.equal(stat.mode & 0o170000, 0o120000, 'a symlink is not followed');
});

t.test('attributes that are used after an await are spoiled in tests', async t => {
  const stat = statFd(fd)!;
  t.equal(stat.ino, statSync(dir, { bigint: true }).ino);
  await Promise.resolve();
  t.equal(stat.nlink, SPOILED * 0x0101_0101);
});

t.test('names', async t => {
  t.equal(cName('a\xff').subarray(0, 3).toString('hex'), '61ff00');
  t.not(cName('a'), cName2('b'));
  for (const name of ['', '/', 'a/b', 'a\0', '\u0100']) t.throws(() => cName(name), { code: 'EINVAL' });
  t.throws(() => cText('x'.repeat(4096)), { code: 'ENAMETOOLONG' });
  t.equal(cText('x'.repeat(4095)).indexOf(0), 4095);
  t.equal(procFd(123).subarray(0, 18).toString('latin1'), '/proc/self/fd/123\0');
});

t.test('a handle opens the object that it was taken of, and nothing once that is gone', async t => {
  writeFileSync(join(dir, 'h'), 'x');
  t.equal(takeHandle(fd, cName('h')), 0);
  const { type, length } = handle;
  const bytes = Buffer.from(handle.bytes);
  t.equal(bytes.length, length);
  const opened = openHandle(fd, type, bytes, 0, length);
  if (opened < 0) return t.equal(errno(), 1, 'not privileged: EPERM');
  t.equal(statFd(opened)?.ino, statSync(join(dir, 'h'), { bigint: true }).ino);
  t.equal(takeHandle(opened), 0);
  t.same(handle.bytes, bytes);
  close(opened);
  rmSync(join(dir, 'h'));
  const stale = [openHandle(fd, type, bytes, 0, length), lastError('x')];
  t.match(stale, [-1, { code: 'ESTALE' }]);
});

t.test('statfs', async t => {
  t.equal(statfsFd(fd), 0);
  const is = statfsSync(dir);
  t.equal(statfs.type, is.type);
  t.equal(statfs.blockSize, is.bsize);
  t.equal(statfs.blocks, is.blocks);
  t.equal(statfs.files, is.files);
  t.ok(statfs.blocksFree >= statfs.blocksAvailable && statfs.nameMax >= 255 && statfs.filesFree <= statfs.files);
  t.equal(typeof statfs.fsid, 'bigint');
  t.equal(statfs.flags & 1, 0);
  t.equal(statfsFd(-1), -1);
});

t.test('getdents64 reads from the start and from every cookie, and an entry can be put back', async t => {
  const names = Array.from({ length: 2500 }, (_, i) => `${'n'.repeat(i % 200)}-${i}`);
  const many = mkdtempSync(join(dir, 'many-'));
  for (const name of names) writeFileSync(join(many, name), '');
  const own = openSync(many, 'r');
  t.teardown(() => closeSync(own));
  const reader = new DirentReader();
  const all: { name: string; ino: bigint; cookie: bigint }[] = [];
  while (reader.next(own) > 0) {
    all.push({ name: reader.name, ino: reader.ino, cookie: reader.cookie });
    if (all.length % 7 === 0) {
      reader.back();
      t.equal(reader.next(own), 1);
      if (reader.name !== all.at(-1)!.name) t.fail('the entry that was put back did not come again');
    }
    if (reader.isDirectory !== (reader.name === '.' || reader.name === '..')) t.fail(reader.name);
  }
  t.equal(reader.next(own), 0, 'the end is reported again');
  t.same(all.map(({ name }) => name).sort(), ['.', '..', ...readdirSync(many)].sort());
  for (let i = 0; i < all.length - 1; i += 37) {
    t.equal(reader.seek(own, all[i]!.cookie), 0);
    t.ok(reader.isAt(all[i]!.cookie));
    t.equal(reader.next(own), 1);
    if (reader.name !== all[i + 1]!.name) t.fail(`${reader.name} comes after the cookie of ${all[i]!.name}`);
    t.ok(reader.holds(all[i]!.cookie));
  }
  reader.reset();
  t.equal(reader.seek(own, 0n), 0);
  reader.next(own);
  t.equal(reader.name, all[0]!.name);
  t.notOk(new DirentReader().holds(5n));
});

t.test('paths', async t => {
  t.equal(pathOf(fd), dir);
  t.throws(() => pathOf(99_999), { code: 'ENOENT' });
  for (const [path, top, is] of [
    ['/a', '/a', true],
    ['/a/b', '/a', true],
    ['/ab', '/a', false],
    ['/', '/a', false],
    ['/x', '/', true],
  ] as const) {
    t.equal(isWithin(path, top), is, `${path} in ${top}`);
  }
});

t.test('failures have their errno and a message, but no stack', async t => {
  openat(-1, cName('x'), 0, 0);
  t.match(lastError('open'), { code: 'EBADF', message: /open/ });
  t.match(systemError(122, 'x'), { code: 'EDQUOT' });
  const error = fsError('EACCES', 'why');
  t.notMatch(error.stack ?? '', /\n/);
  t.match(withWcc(error, undefined, undefined), { code: 'EACCES', wcc: {} });
  t.match(withBoth(error, { before: undefined, after: undefined }, { before: undefined, after: undefined }), {
    toWcc: {},
  });
  const bug = new TypeError('bug');
  t.equal(withWcc(bug, undefined, undefined), bug);
  t.ok(Error.stackTraceLimit > 0);
  t.ok(error instanceof FsError);
});

t.test('the limit of descriptors is known', async t => {
  t.ok(descriptorLimit() >= 64);
});
