/** Attributes, open files and their data, over a real brick. */
import { lstatSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { OpenFlag, Opcode, ROOT_ID, SetattrValid, WriteFlag } from '#protocols/fuse/constants.ts';
import * as file from '#protocols/fuse/file.ts';
import * as object from '#protocols/fuse/object.ts';
import { FsError } from '#src/errno.ts';
import { O_DIRECT, O_EXCL, O_RDWR, O_SYNC } from '#src/sys/constants.ts';
import { Kernel, type KernelOptions } from '../../support/fuse/kernel.ts';
import { hex } from '../../support/hex.ts';
import { stackOf } from '../../support/graph.ts';

const notRoot = process.getuid!() !== 0 && 'needs root';

const NO_ATTR = {
  valid: 0,
  padding: 0,
  fh: 0,
  size: 0,
  lock_owner: 0n,
  atime: 0,
  mtime: 0,
  ctime: 0,
  atimensec: 0,
  mtimensec: 0,
  ctimensec: 0,
  mode: 0,
  unused4: 0,
  uid: 0,
  gid: 0,
};

async function over(t: Parameters<typeof Kernel.over>[0], dir: string, options?: KernelOptions) {
  const kernel = await Kernel.over(t, stackOf('debug/io-stats', `storage/posix directory=${dir}`), options);
  return {
    kernel,
    open: (nodeid: number, flags = O_RDWR) =>
      kernel.ask(Opcode.OPEN, nodeid, file.fuse_open_in, { flags, open_flags: 0 }, file.fuse_open_out),
    release: (nodeid: number, fh: number) =>
      kernel.send(Opcode.RELEASE, nodeid, file.fuse_release_in, { fh, flags: 0, release_flags: 0, lock_owner: 0n }),
    read: async (nodeid: number, fh: number, offset: number, size: number): Promise<string> => {
      const args = { fh, offset, size, read_flags: 0, lock_owner: 0n, flags: 0 };
      const { error, body } = await kernel.send(Opcode.READ, nodeid, file.fuse_read_in, args);
      if (error !== undefined) throw new FsError(error);
      return body.toString('latin1');
    },
    write: (nodeid: number, fh: number, offset: number, data: Buffer, write_flags = 0, flags = 0) => {
      const args = { fh, offset, size: data.length, write_flags, lock_owner: 0n, flags, data };
      return kernel.ask(Opcode.WRITE, nodeid, file.fuse_write_in, args, file.fuse_write_out);
    },
    setattr: (nodeid: number, args: Partial<object.fuse_setattr_in>) =>
      kernel.ask(Opcode.SETATTR, nodeid, object.fuse_setattr_in, { ...NO_ATTR, ...args }, object.fuse_attr_out),
  };
}

t.test('attributes are told and set', async t => {
  const dir = t.testdir({ a: 'text' });
  const path = join(dir, 'a');
  const { kernel, open, setattr } = await over(t, dir, { options: { 'attribute-timeout': '2.5' } });
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const getattr = { getattr_flags: 0, dummy: 0, fh: 0 };
  const told = await kernel.ask(Opcode.GETATTR, nodeid, object.fuse_getattr_in, getattr, object.fuse_attr_out);
  t.strictSame([told.attr_valid, told.attr_valid_nsec], [2, 500_000_000]);
  t.equal(told.ino, lstatSync(path, { bigint: true }).ino);
  const root = await kernel.ask(Opcode.GETATTR, ROOT_ID, object.fuse_getattr_in, getattr, object.fuse_attr_out);
  t.equal(root.ino, lstatSync(dir, { bigint: true }).ino);

  t.equal((await setattr(nodeid, { valid: SetattrValid.MODE, mode: 0o100604 })).mode, 0o100604);
  const times = SetattrValid.ATIME | SetattrValid.MTIME;
  const set = await setattr(nodeid, { valid: times, atime: -5, atimensec: 7, mtime: 11, mtimensec: 13 });
  t.strictSame([set.atime, set.atimensec, set.mtime, set.mtimensec], [-5, 7, 11, 13]);
  const now = await setattr(nodeid, {
    valid: times | SetattrValid.ATIME_NOW | SetattrValid.MTIME_NOW,
  });
  t.ok(now.mtime > 1e9 && now.atime > 1e9);
  t.equal((await setattr(nodeid, { valid: SetattrValid.SIZE, size: 2 })).size, 2);
  t.equal(readFileSync(path, 'latin1'), 'te');
  const { fh } = await open(nodeid);
  t.equal((await setattr(nodeid, { valid: SetattrValid.SIZE | SetattrValid.FH, size: 9, fh })).size, 9);
  await t.rejects(setattr(nodeid, { valid: SetattrValid.SIZE | SetattrValid.FH, fh: 99 }), { message: 'EBADF' });
  if (process.getuid!() !== 0) return;
  const ids = SetattrValid.UID | SetattrValid.GID;
  const given = await setattr(nodeid, { valid: ids, uid: 1000, gid: 100 });
  t.strictSame([given.uid, given.gid], [1000, 100]);
  await setattr(nodeid, { valid: SetattrValid.MODE, mode: 0o4777 });
  const cut = await setattr(nodeid, { valid: SetattrValid.SIZE | SetattrValid.KILL_SUIDGID, size: 1 });
  t.equal(cut.mode, 0o100777, 'set-id bits are dropped when the kernel asks for that');
});

t.test('a file is read and written', async t => {
  const dir = t.testdir({ a: 'text' });
  const { kernel, open, read, write, release } = await over(t, dir);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const { fh, open_flags } = await open(nodeid);
  t.equal(open_flags, 0);
  t.equal(await read(nodeid, fh, 1, 2), 'ex');
  t.equal(await read(nodeid, fh, 100, 2), '', 'behind the end');
  const large = Buffer.alloc(100_000, 'x');
  const [first, second] = await Promise.all([write(nodeid, fh, 4, large), write(nodeid, fh, 4, Buffer.from('ure'))]);
  t.strictSame([first.size, second.size], [100_000, 3]);
  t.equal(readFileSync(join(dir, 'a'), 'latin1'), `texture${'x'.repeat(99_997)}`);
  t.equal(await read(nodeid, fh, 0, 50_000), `texture${'x'.repeat(49_993)}`);
  t.equal((await write(nodeid, fh, 0, Buffer.from('T'), 0, O_SYNC)).size, 1);
  const flush = { fh, unused: 0, padding: 0, lock_owner: 1n };
  t.equal((await kernel.send(Opcode.FLUSH, nodeid, file.fuse_flush_in, flush)).error, undefined);
  for (const fsync_flags of [0, 1]) {
    t.equal((await kernel.send(Opcode.FSYNC, nodeid, file.fuse_fsync_in, { fh, fsync_flags })).error, undefined);
  }
  const bad = { fh, offset: 0, size: 9, write_flags: 0, lock_owner: 0n, flags: 0, data: Buffer.from('short') };
  t.equal((await kernel.send(Opcode.WRITE, nodeid, file.fuse_write_in, bad)).error, 'EINVAL');
  t.equal((await release(nodeid, fh)).error, undefined);
  await t.rejects(read(nodeid, fh, 0, 1), { code: 'EBADF' });
  t.equal((await release(nodeid, fh)).error, undefined, 'a release has no error');
  t.equal(kernel.session.serving.files.count, 0);
});

t.test('set-id bits are dropped by a write of a caller who may not keep them', async t => {
  const dir = t.testdir({ a: 'text' });
  const { kernel, open, write, setattr } = await over(t, dir);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const { fh } = await open(nodeid);
  await setattr(nodeid, { valid: SetattrValid.MODE, mode: 0o4755 });
  await write(nodeid, fh, 0, Buffer.from('T'), WriteFlag.KILL_SUIDGID);
  t.equal(statSync(join(dir, 'a')).mode, 0o100755);
  // From linux/fuse.h: length, FUSE_NOTIFY_INVAL_INODE, no request; the node, attributes only.
  const told = hex(`28000000 02000000 0000000000000000 0${nodeid}00000000000000 ffffffffffffffff 0000000000000000`);
  t.strictSame(kernel.unasked, [told], 'the kernel is told that the attributes have changed');
  await write(nodeid, fh, 0, Buffer.from('T'), WriteFlag.KILL_SUIDGID);
  t.equal(kernel.unasked.length, 1, 'but not of each write');
});

t.test('a file is created and open at once', async t => {
  const dir = t.testdir();
  const { kernel, read, write } = await over(t, dir);
  const create = async (name: string, flags: number) => {
    const args = { flags, mode: 0o100666, umask: 0o22, open_flags: 0, name };
    const { error, body } = await kernel.send(Opcode.CREATE, ROOT_ID, file.fuse_create_in, args);
    if (error !== undefined) throw new FsError(error);
    const { size } = object.fuse_entry_out;
    return { ...object.fuse_entry_out.decode(body, 0), ...file.fuse_open_out.decode(body, size) };
  };
  const { nodeid, mode, fh } = await create('new', O_RDWR | O_EXCL);
  t.equal(mode, 0o100644);
  unlinkSync(join(dir, 'new'));
  await write(nodeid, fh, 0, Buffer.from('kept'));
  t.equal(await read(nodeid, fh, 0, 10), 'kept', 'it can be used without a name');
  writeFileSync(join(dir, 'new'), 'old');
  await t.rejects(create('new', O_RDWR | O_EXCL), { code: 'EEXIST' });
  const old = await create('new', O_RDWR);
  t.equal(await read(old.nodeid, old.fh, 0, 10), 'old');
});

t.test('a file without a name is there for as long as it is open', async t => {
  const dir = t.testdir({ a: 'text', d: {} });
  const { kernel, open, read, write, release, setattr } = await over(t, dir);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const { fh } = await open(nodeid, 0);
  t.equal((await kernel.send(Opcode.UNLINK, ROOT_ID, object.fuse_name_in, { name: 'a' })).error, undefined);
  t.equal(await read(nodeid, fh, 0, 10), 'text');
  const other = await open(nodeid);
  await write(nodeid, other.fh, 0, Buffer.from('T'));
  t.equal((await setattr(nodeid, { valid: SetattrValid.SIZE, size: 2 })).nlink, 0);
  await release(nodeid, fh);
  t.equal(await read(nodeid, other.fh, 0, 10), 'Te', 'one fd is left');
  await release(nodeid, other.fh);
  await t.rejects(open(nodeid), { message: 'ESTALE' });
});

t.test('what a brick knows by an fd only is asked for by that', async t => {
  const dir = t.testdir({ a: 'text' });
  const { kernel, open, setattr, release } = await over(t, dir);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const { fh } = await open(nodeid);
  const { top } = kernel.session.serving.volume;
  // As a brick of GlusterFS answers about a file that has lost its last name.
  top.stat = () => Promise.reject(new FsError('ESTALE'));
  top.setattr = () => Promise.reject(new FsError('ESTALE'));
  const getattr = () =>
    kernel.send(Opcode.GETATTR, nodeid, object.fuse_getattr_in, { getattr_flags: 0, dummy: 0, fh: 0 });
  t.equal((await getattr()).error, undefined);
  t.equal((await setattr(nodeid, { valid: SetattrValid.MODE, mode: 0o600 })).mode, 0o100600);
  await release(nodeid, fh);
  t.equal((await getattr()).error, 'ESTALE');
});

t.test('an fd may do what it was opened for, whatever the mode says now', { skip: notRoot }, async t => {
  const dir = t.testdir({ a: 'text' });
  const { kernel, read, write, setattr } = await over(t, dir);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  await setattr(nodeid, { valid: SetattrValid.MODE, mode: 0o666 });
  const stranger = { uid: 1234, gid: 1234, pid: 0 };
  const open = () =>
    kernel.ask(Opcode.OPEN, nodeid, file.fuse_open_in, { flags: O_RDWR, open_flags: 0 }, file.fuse_open_out, stranger);
  const { fh } = await open();
  await setattr(nodeid, { valid: SetattrValid.MODE, mode: 0 });
  await t.rejects(open(), { message: 'EACCES' });
  t.equal(await read(nodeid, fh, 0, 4), 'text');
  await write(nodeid, fh, 0, Buffer.from('T'));
  const truncate = { ...NO_ATTR, valid: SetattrValid.SIZE | SetattrValid.FH, size: 2, fh };
  const cut = await kernel.ask(
    Opcode.SETATTR,
    nodeid,
    object.fuse_setattr_in,
    truncate,
    object.fuse_attr_out,
    stranger,
  );
  t.equal(cut.size, 2);
});

t.test('holes are made and found', async t => {
  const dir = t.testdir({ a: '' });
  const { kernel, open, write } = await over(t, dir);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const { fh } = await open(nodeid);
  await write(nodeid, fh, 0, Buffer.alloc(65_536, 'x'));
  const allocate = async (mode: number, offset: number, length: number) => {
    const args = { fh, offset, length, mode };
    return (await kernel.send(Opcode.FALLOCATE, nodeid, file.fuse_fallocate_in, args)).error;
  };
  t.equal(await allocate(3, 16_384, 16_384), undefined, 'PUNCH_HOLE');
  t.equal(await allocate(16, 49_152, 4096), undefined, 'ZERO_RANGE');
  t.equal(await allocate(0, 65_536, 4096), undefined);
  t.equal(await allocate(8, 0, 4096), 'ENOTSUP', 'COLLAPSE_RANGE');
  t.equal(statSync(join(dir, 'a')).size, 69_632);
  const seek = (whence: number, offset: number) =>
    kernel.ask(Opcode.LSEEK, nodeid, file.fuse_lseek_in, { fh, offset, whence }, file.fuse_lseek_out);
  t.strictSame(await seek(4, 0), { offset: 16_384 }, 'SEEK_HOLE');
  t.strictSame(await seek(3, 16_384), { offset: 32_768 }, 'SEEK_DATA');
  await t.rejects(seek(3, 100_000), { message: 'ENXIO' });
  await t.rejects(seek(2, 0), { message: 'EINVAL' }, 'SEEK_END is the kernel’s part');
});

t.test('how files are cached is asked for by options and by O_DIRECT', async t => {
  const dir = t.testdir({ a: '' });
  const { kernel, open } = await over(t, dir, { options: { 'fopen-keep-cache': 'on' } });
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  t.equal((await open(nodeid)).open_flags, OpenFlag.KEEP_CACHE);
  t.equal((await open(nodeid, O_DIRECT)).open_flags, OpenFlag.KEEP_CACHE | OpenFlag.DIRECT_IO);
});

t.test('space, access and what is absent', async t => {
  const dir = t.testdir({ a: '' });
  const { kernel } = await over(t, dir);
  const space = await kernel.ask(Opcode.STATFS, ROOT_ID, object.fuse_node_in, {}, object.fuse_statfs_out);
  t.ok(space.blocks > 0 && space.bfree <= space.blocks && space.namelen === 255);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const access = (mask: number) => kernel.send(Opcode.ACCESS, nodeid, object.fuse_access_in, { mask });
  t.equal((await access(4)).error, undefined);
  t.equal((await access(1)).error, 'EACCES');
  t.equal((await kernel.sendBytes(Opcode.BMAP, nodeid, Buffer.alloc(16))).error, 'ENOSYS');
  t.equal((await kernel.sendBytes(4096, nodeid, Buffer.alloc(16))).error, 'ENOSYS', 'no such operation');
});
