import t from 'tap';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import * as objects from '#src/xlators/protocol/client/fops/objects.ts';
import { frame } from '../../../../support/graph.ts';
import { DONE, iattx, refused, remoteOf } from '../../../../support/remote.ts';
import { gfidOf } from '../../../../support/iatt.ts';

const NONE = Buffer.alloc(16);
const nothing = iattx(NONE, 0);
const dir = new Inode(gfidOf(7), FileType.DIR);
const root = new Inode(ROOT_GFID, FileType.DIR);
const file = new Inode(gfidOf(8), FileType.REG);
const dirStat = iattx(dir.gfid, 0o040755);
const fileStat = iattx(file.gfid, 0o100644);

t.test('lookup is by a name in a directory, and of the directory itself by its gfid', async t => {
  const { remote, calls } = remoteOf({
    LOOKUP: ({ bname, gfid }) => ({
      ...DONE,
      xdata: new Map([['key', 5]]),
      ...(bname === ''
        ? { prestat: iattx(gfid, 0o040700), poststat: nothing }
        : { prestat: fileStat, poststat: dirStat }),
    }),
  });
  const found = await objects.lookup(remote, frame, dir, 'a', new Map([['key', 0]]));
  t.match(found, {
    iatt: { gfid: file.gfid, fsid: 77n, mode: 0o644 },
    parent: { gfid: dir.gfid },
    xdata: new Map([['key', 5]]),
  });
  t.same((await objects.lookup(remote, frame, dir, '.')).parent?.gfid, dir.gfid);
  t.same((await objects.lookup(remote, frame, root, '..')).iatt.gfid, ROOT_GFID, 'the root is its own parent');
  await objects.lookup(remote, frame, dir, '..');
  t.match(calls, [
    { args: { gfid: NONE, pargfid: dir.gfid, bname: 'a', flags: 0, xdata: new Map([['key', 0]]) } },
    { args: { gfid: dir.gfid, pargfid: NONE, bname: '' } },
    { args: { gfid: ROOT_GFID, pargfid: NONE, bname: '' } },
    { args: { gfid: NONE, pargfid: dir.gfid, bname: '..' } },
  ]);
});

t.test('lookup of what is not there, or cannot be', async t => {
  const { remote, calls } = remoteOf({ LOOKUP: () => ({ ...refused(2), prestat: nothing, poststat: nothing }) });
  await t.rejects(objects.lookup(remote, frame, dir, 'a'), { code: 'ENOENT' });
  await t.rejects(objects.discover(remote, frame, file.gfid), { code: 'ESTALE' });
  t.equal(calls.length, 2);
  for (const [name, code] of [
    ['', 'EINVAL'],
    ['a/b', 'EINVAL'],
    ['a\0', 'EINVAL'],
    ['x'.repeat(256), 'ENAMETOOLONG'],
  ] as const) {
    await t.rejects(objects.lookup(remote, frame, dir, name), { code });
  }
  await t.rejects(objects.lookup(remote, frame, file, 'a'), { code: 'ENOTDIR' });
  for (const gfid of [NONE, gfidOf(7).subarray(1)]) {
    await t.rejects(objects.discover(remote, frame, gfid), { code: 'ESTALE' });
  }
  t.equal(calls.length, 2, 'the brick is asked nothing that it would misunderstand');
});

t.test('an answer without attributes, or of another object, is refused', async t => {
  const { remote } = remoteOf({
    LOOKUP: ({ gfid }) => ({ ...DONE, prestat: gfid.equals(NONE) ? nothing : dirStat, poststat: nothing }),
    STAT: () => ({ ...DONE, stat: nothing }),
  });
  await t.rejects(objects.lookup(remote, frame, dir, 'a'), { code: 'EREMOTEIO' });
  await t.rejects(objects.stat(remote, frame, file), { code: 'EREMOTEIO' });
  await t.rejects(objects.discover(remote, frame, file.gfid), { code: 'ESTALE' });
});

t.test('stat, fstat and readlink', async t => {
  const { remote, calls } = remoteOf({
    STAT: () => ({ ...DONE, stat: fileStat }),
    FSTAT: () => ({ ...refused(2), stat: nothing }),
    READLINK: () => ({ ...DONE, op_ret: 3, buf: iattx(file.gfid, 0o120777), path: '\xe9/x' }),
  });
  t.match(await objects.stat(remote, frame, file), { gfid: file.gfid, type: FileType.REG });
  await t.rejects(objects.fstat(remote, frame, file.fd), { code: 'ESTALE' });
  t.match(await objects.readlink(remote, frame, file), { target: '\xe9/x', iatt: { type: FileType.LNK } });
  t.match(calls, [{ args: { gfid: file.gfid } }, { args: { gfid: file.gfid, fd: -2 } }, { args: { size: 4096 } }]);
});

t.test('access: an NFS server is told the bits, and a process whether all of them are granted', async t => {
  const { remote } = remoteOf({
    ACCESS: ({ mask }) => (mask === 1 ? refused(116) : mask === 2 ? refused(13) : { ...DONE, op_errno: 12 }),
  });
  t.strictSame(await objects.access(remote, frame, file, 6), { granted: 4 });
  for (const as of [
    { ...frame, pid: 5 },
    { ...frame, internal: true },
  ]) {
    t.strictSame(await objects.access(remote, as, file, 6), { granted: 6 });
    t.strictSame(await objects.access(remote, as, file, 2), { granted: 0 });
  }
  await t.rejects(objects.access(remote, frame, file, 1), { code: 'ESTALE' });
});

t.test('statfs counts bytes', async t => {
  const sizes = { bsize: 9, frsize: 4096, blocks: 100, bfree: 50, bavail: 40, files: 7, ffree: 6, favail: 5 };
  const { remote } = remoteOf({
    STATFS: () => ({ ...DONE, statfs: { ...sizes, fsid: 0n, flag: 1n, namemax: 255 } }),
  });
  t.match(await objects.statfs(remote, frame, root), {
    bytesTotal: 409_600,
    bytesFree: 204_800,
    bytesAvailable: 163_840,
    filesTotal: 7,
    filesFree: 6,
    filesAvailable: 5,
    nameMax: 255,
    readOnly: true,
  });
});

t.test('setattr sends what is set, and a time for now', async t => {
  const changed = () => ({ ...DONE, prestat: fileStat, poststat: fileStat });
  const { remote, calls } = remoteOf({ SETATTR: changed, FSETATTR: changed });
  const wcc = await objects.setattr(remote, frame, file, { mode: 0o4755, uid: 1, gid: 2 });
  t.match(wcc, { before: { gfid: file.gfid }, after: { gfid: file.gfid } });
  const before = Math.floor(Date.now() / 1000);
  await objects.fsetattr(remote, frame, file.fd, { atime: { sec: -5, nsec: 6 }, mtime: 'now' });
  await objects.setattr(remote, frame, file, {});
  t.match(calls, [
    { args: { valid: 0x7, stbuf: { mode: 0o4755, ia_uid: 1, ia_gid: 2, ia_atime: 0 } } },
    { args: { valid: 0x30, fd: -2, stbuf: { ia_atime: -5, ia_atime_nsec: 6 } } },
    { args: { valid: 0 } },
  ]);
  t.ok(calls[1]!.args.stbuf.ia_mtime >= before);
  await t.rejects(objects.setattr(remote, frame, file, { size: 0 }), { code: 'EOPNOTSUPP' });
  await t.rejects(objects.setattr(remote, frame, file, {}, { sec: 1, nsec: 2 }), { code: 'EOPNOTSUPP' });
  t.equal(calls.length, 3);
});
