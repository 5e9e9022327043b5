import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { FopError, Stable } from '#src/graph/fops.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import { silent } from '#src/log.ts';
import { create } from '#src/xlators/storage/posix/entries/create.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { openBrick } from '#src/xlators/storage/posix/start.ts';
import { write } from '#src/xlators/storage/posix/data/write.ts';
import { codeOf, eachMode, makePlace, needsRoot, inodeOf, open, other, root, user } from '../support/brick-test.ts';

const guarded = (attr = {}) => ({ mode: 'guarded', attr }) as const;
const GiB = 2 ** 30;

eachMode(t, 'written data are read back, at any offset and in any size', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded({ mode: 0o644 }))).iatt);
  const mirror = Buffer.alloc(3_000_000);
  let size = 0;
  for (const [offset, length] of [
    [0, 1],
    [1, 4095],
    [4096, 65_536],
    [70_000, 1 << 20],
    [3, 100],
    [2_900_000, 100_000],
  ] as const) {
    const data = randomBytes(length + 16).subarray(8, 8 + length); // A view into a larger record.
    const written = await fops.writev(user, file.fd, data, offset, Stable.UNSTABLE);
    data.copy(mirror, offset);
    t.match(written, { count: length, stable: Stable.UNSTABLE, before: { size } });
    size = Math.max(size, offset + length);
    t.match(written.after, { size });
  }
  t.ok(readFileSync(path('f')).equals(mirror.subarray(0, size)));
  for (const [offset, length] of [
    [0, 1],
    [0, 10_000_000],
    [4095, 2],
    [1_119_000, 500_000],
    [size - 1, 1],
    [size - 1, 2],
  ] as const) {
    const { data, eof, iatt, release } = await fops.readv(user, file.fd, length, offset);
    t.ok(data.equals(mirror.subarray(offset, Math.min(size, offset + length))), `${length} at ${offset}`);
    t.equal(eof, offset + length >= size);
    t.equal(iatt.size, size);
    release?.();
  }
  t.match(await fops.readv(user, file.fd, 100, size), { eof: true, data: { length: 0 } });
  t.match(await fops.readv(user, file.fd, 100, size + 1e9), { eof: true, data: { length: 0 } });
  t.match(await fops.readv(user, file.fd, 0, 0), { eof: false, data: { length: 0 } });
  t.match(await fops.writev(user, file.fd, Buffer.alloc(0), 5, Stable.UNSTABLE), { count: 0, after: { size } });
});

eachMode(t, 'data that are not in memory are read from the disk', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const content = randomBytes(3 << 20);
  writeFileSync(path('f'), content);
  const file = inodeOf((await fops.lookup(root, top, 'f')).iatt);
  await dropCache(path('f'));
  const replies = await Promise.all([0, 1, 2].map(i => fops.readv(root, file.fd, 1 << 20, i << 20)));
  t.ok(Buffer.concat(replies.map(({ data }) => data)).equals(content));
  t.same(
    replies.map(({ eof }) => eof),
    [false, false, true],
  );
  await dropCache(path('f'));
  await fops.readv(root, file.fd, 4096, 0);
  const { data } = await fops.readv(root, file.fd, 3 << 20, 0);
  t.ok(data.equals(content), 'the rest of data that are partly in memory as well');
});

eachMode(t, 'files may be larger than 4 GiB and have holes', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded())).iatt);
  for (const offset of [5 * GiB, 2 ** 41 + 1]) {
    t.match(await fops.writev(user, file.fd, Buffer.from('far'), offset, Stable.UNSTABLE), { count: 3 });
    t.match(await fops.readv(user, file.fd, 10, offset), { data: Buffer.from('far'), eof: true });
  }
  const { data, eof } = await fops.readv(user, file.fd, 8, 5 * GiB - 4);
  t.same([...data], [0, 0, 0, 0, ...Buffer.from('far'), 0]);
  t.notOk(eof);
  t.ok(statSync(path('f')).blocks < 100);
  t.equal(await fops.seek(user, file.fd, 0, 'data'), 5 * GiB);
  t.equal(await fops.seek(user, file.fd, 0, 'hole'), 0);
  t.ok((await fops.seek(user, file.fd, 5 * GiB, 'hole')) > 5 * GiB);
  t.equal(await codeOf(fops.seek(user, file.fd, 2 ** 42, 'data')), 'ENXIO');
});

eachMode(t, 'modes are checked for each call, except for the owner', async (t, s) => {
  const { fops, top } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded({ mode: 0o444 }))).iatt);
  const data = Buffer.from('data');
  t.match(
    await fops.writev(user, file.fd, data, 0, Stable.UNSTABLE),
    { count: 4 },
    'the owner writes to a file that it made read-only',
  );
  t.equal(await codeOf(fops.writev(other, file.fd, data, 0, Stable.UNSTABLE)), 'EACCES');
  t.match(await fops.readv(other, file.fd, 4, 0), { data });
  await fops.setattr(user, file, { mode: 0o000 });
  t.match(await fops.readv(user, file.fd, 4, 0), { data });
  t.equal(await codeOf(fops.readv(other, file.fd, 4, 0)), 'EACCES');
  await fops.setattr(user, file, { mode: 0o001 });
  t.match(await fops.readv(other, file.fd, 4, 0), { data }, 'a caller that may execute may read');
  await fops.setattr(user, file, { mode: 0o002 });
  t.match(await fops.writev(other, file.fd, data, 4, Stable.UNSTABLE), { count: 4, before: { size: 4 } });
  t.match(await fops.writev(other, file.fd, data, 8, Stable.UNSTABLE), { count: 4 }, 'the grant outlives the change');
  await fops.setattr(user, file, { mode: 0o000 });
  const failure = await fops.writev(other, file.fd, data, 8, Stable.UNSTABLE).catch((error: unknown) => error);
  t.ok(failure instanceof FopError);
  t.match(failure, { code: 'EACCES', wcc: { before: { size: 12 }, after: { size: 12 } } });
  t.match(await fops.readv(root, file.fd, 4, 0), { data });
  t.equal(await codeOf(fops.readv(root, top.fd, 4, 0)), 'EISDIR');
  t.equal(await codeOf(fops.writev(root, top.fd, data, 0, Stable.UNSTABLE)), 'EISDIR');
});

eachMode(t, 'open checks the rights again, and truncates', async (t, s) => {
  const { fops, top } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded({ mode: 0o640, size: 9 }))).iatt);
  const { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = process.getBuiltinModule('node:fs').constants;
  t.equal(await codeOf(fops.open(other, file, O_RDONLY)), 'EACCES');
  const flags = O_RDWR | O_TRUNC;
  const fd = new Fd(file, flags, (await fops.open(user, file, flags)).notes);
  t.equal((await fops.fstat(user, fd)).size, 0);
  t.equal(await codeOf(fops.open(other, file, O_WRONLY)), 'EACCES');
  t.equal(await codeOf(fops.open(root, top, O_RDONLY)), 'EISDIR');
  t.equal(await codeOf(fops.opendir(root, file)), 'ENOTDIR');
  t.ok(await fops.opendir(root, top));
  await fops.flush(user, fd);
});

eachMode(t, 'stable writes and commits answer once the data are on the disk, and many share a flush', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  const file = inodeOf((await fops.create(user, top, 'f', guarded())).iatt);
  const data = Buffer.alloc(4096, 7);
  const writes = Array.from({ length: 50 }, (_, i) => {
    const stable = i % 2 ? Stable.FILE_SYNC : Stable.DATA_SYNC;
    return fops.writev(user, file.fd, data, i * 4096, stable);
  });
  for (const [i, written] of (await Promise.all(writes)).entries()) {
    t.match(written, { count: 4096, stable: i % 2 ? Stable.FILE_SYNC : Stable.DATA_SYNC });
  }
  t.match(await fops.fsync(user, file.fd, true), { before: { size: 204_800 }, after: { size: 204_800 } });
  t.match(await fops.fsync(user, file.fd, false), { after: { size: 204_800 } });
  t.equal(statSync(path('f')).size, 204_800);
  t.equal(await codeOf(fops.fsync(user, top.fd, false)), 'EISDIR');
  await fops.fsyncdir(user, top.fd, false);
});

t.test('impossible offsets are refused', needsRoot, async t => {
  const { fops, top } = await open(t);
  const file = inodeOf((await fops.create(user, top, 'f', guarded())).iatt);
  const data = Buffer.from('x');
  for (const [offset, code] of [
    [-1, 'EINVAL'],
    [NaN, 'EINVAL'],
    [Infinity, 'EFBIG'],
    [2 ** 53, 'EFBIG'],
  ] as const) {
    if (code === 'EINVAL') t.equal(await codeOf(fops.readv(user, file.fd, 1, offset)), code);
    else t.match(await fops.readv(user, file.fd, 1, offset), { eof: true, data: { length: 0 } });
    t.equal(await codeOf(fops.writev(user, file.fd, data, offset, Stable.UNSTABLE)), code);
    t.equal(await codeOf(fops.setattr(user, file, { size: offset })), code);
    t.equal(await codeOf(fops.fallocate(user, file.fd, 0, offset, 1)), code);
    t.equal(await codeOf(fops.seek(user, file.fd, offset, 'data')), code);
  }
  t.match(await fops.stat(user, file), { size: 0 });
});

eachMode(t, 'changes by other processes are seen', async (t, s) => {
  const { fops, top, path } = await open(t, s);
  writeFileSync(path('f'), 'one');
  const file = inodeOf((await fops.lookup(root, top, 'f')).iatt);
  t.match(await fops.readv(root, file.fd, 10, 0), { data: Buffer.from('one') });
  writeFileSync(path('f'), 'three');
  t.match(await fops.readv(root, file.fd, 10, 0), { data: Buffer.from('three'), iatt: { size: 5 } });
  truncateSync(path('f'), 1);
  t.match(await fops.readv(root, file.fd, 10, 0), { data: Buffer.from('t'), eof: true });
  chownSync(path('f'), 1000, 1000);
  chmodSync(path('f'), 0o600);
  t.equal(await codeOf(fops.readv(other, file.fd, 10, 0)), 'EACCES');
  t.match(await fops.readv(user, file.fd, 10, 0), { data: Buffer.from('t') });
});

t.test('space can be preallocated, punched out and zeroed', needsRoot, async t => {
  const { fops, top, path } = await open(t);
  const file = inodeOf((await fops.create(user, top, 'f', guarded())).iatt);
  t.match(await fops.fallocate(user, file.fd, 0, 0, 65_536), { after: { size: 65_536, used: 65_536 } });
  await fops.writev(user, file.fd, Buffer.alloc(65_536, 1), 0, Stable.UNSTABLE);
  t.match(await fops.discard(user, file.fd, 4096, 8192), { after: { size: 65_536, used: 65_536 - 8192 } });
  t.match(await fops.zerofill(user, file.fd, 16_384, 4096), { after: { size: 65_536 } });
  const content = readFileSync(path('f'));
  t.equal(content.subarray(0, 4096).indexOf(0), -1);
  t.ok(content.subarray(4096, 12_288).every(byte => byte === 0));
  t.ok(content.subarray(16_384, 20_480).every(byte => byte === 0));
  t.equal(await codeOf(fops.discard(other, file.fd, 0, 4096)), 'EACCES');
  t.equal(await codeOf(fops.fallocate(user, file.fd, 0, 0, 0)), 'EINVAL');
});

t.test('a running program cannot be written to, and a written program can soon be run', needsRoot, async t => {
  const { fops, top, path } = await open(t);
  writeFileSync(path('prog'), readFileSync('/bin/sleep'));
  chmodSync(path('prog'), 0o755);
  const { spawn, spawnSync } = await import('node:child_process');
  const child = spawn(path('prog'), ['5']);
  await new Promise(resolve => child.once('spawn', resolve));
  const file = inodeOf((await fops.lookup(root, top, 'prog')).iatt);
  t.equal(await codeOf(fops.writev(root, file.fd, Buffer.from('x'), 0, Stable.UNSTABLE)), 'ETXTBSY');
  t.ok((await fops.readv(root, file.fd, 4, 0)).data.equals(Buffer.from('\x7fELF')));
  child.kill();
  await new Promise(resolve => child.once('exit', resolve));
  await fops.writev(root, file.fd, Buffer.from('\x7fELF'), 0, Stable.UNSTABLE);
  await new Promise(resolve => setTimeout(resolve, 3500));
  t.equal(spawnSync(path('prog'), ['0']).status, 0);
});

/** Makes the kernel forget the file's pages. */
async function dropCache(path: string): Promise<void> {
  const fd = openSync(path, 'r+');
  fsyncSync(fd);
  closeSync(fd);
  const { spawnSync } = await import('node:child_process');
  const done = spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  if (done.status !== 0) throw new Error(String(done.stderr));
}

t.test('on a slow disk the thread pool writes, with the same answers', needsRoot, async t => {
  const place = makePlace(t);
  chmodSync(place.dir, 0o777);
  const options = { directory: place.dir, 'sync-metadata': false, index: 'auto', descriptors: 0 } as const;
  const env = { log: silent, stateDir: place.stateDir, stage: 0 };
  const opened = await openBrick('b', 0, options, env, silent, () => {});
  const { brick } = opened;
  t.teardown(() => opened.close());
  const top = new Inode(ROOT_GFID, 2);
  const file = inodeOf(create(brick, user, top, 'f', guarded({ mode: 0o6777 })).value);
  brick.slowWritesUntilMs = Infinity;
  const data = randomBytes(100_000);
  t.match(await write(brick, user, file, data, 0, Stable.UNSTABLE), {
    count: 100_000,
    after: { size: 100_000, mode: 0o777 },
  });
  t.match(await write(brick, root, file, data, 100_000, Stable.FILE_SYNC), {
    count: 100_000,
    stable: Stable.FILE_SYNC,
  });
  chmodSync(place.path('f'), 0o600);
  t.throws(() => write(brick, other, file, data, 0, Stable.UNSTABLE), { code: 'EACCES' });
  t.ok(readFileSync(place.path('f')).equals(Buffer.concat([data, data])));
});
