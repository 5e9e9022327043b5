/** Names: to find, make, link, move and remove them, over a real brick. */
import { lstatSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Opcode, ROOT_ID } from '#protocols/fuse/constants.ts';
import * as names from '#protocols/fuse/names.ts';
import * as object from '#protocols/fuse/object.ts';
import { Kernel } from '../../support/fuse/kernel.ts';
import { stackOf } from '../../support/graph.ts';

const { fuse_entry_out: entry } = object;
const ENTRY_TIMEOUT = 1;

t.test('names are found, and are forgotten as often as they were found', async t => {
  const dir = t.testdir({ a: 'text', d: {} });
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${dir}`));
  const { nodes } = kernel.session.serving;
  const found = await kernel.lookup(ROOT_ID, 'a');
  const real = lstatSync(join(dir, 'a'), { bigint: true });
  t.equal(found.ino, real.ino);
  t.equal(found.mode, Number(real.mode));
  t.equal(found.size, 4);
  t.equal(BigInt(found.mtime) * 1_000_000_000n + BigInt(found.mtimensec), real.mtimeNs);
  t.equal(found.entry_valid, ENTRY_TIMEOUT);
  t.equal((await kernel.lookup(ROOT_ID, 'a')).nodeid, found.nodeid, 'an object has one node');
  await t.rejects(kernel.lookup(ROOT_ID, 'none'), { message: 'ENOENT' });
  await t.rejects(kernel.lookup(found.nodeid, 'x'), { message: 'ENOTDIR' });
  await t.rejects(kernel.lookup(999, 'a'), { message: 'ESTALE' }, 'a node that the kernel was not told of');

  const inode = nodes.inodeOf(found.nodeid);
  kernel.tell(Opcode.FORGET, found.nodeid, object.fuse_forget_in.encode({ nlookup: 1 }));
  await kernel.lookup(ROOT_ID, 'd'); // an answer, by which what was sent before is handled
  t.equal(nodes.inodeOf(found.nodeid), inode, 'it was found twice');
  const one = Buffer.alloc(object.fuse_forget_one.size);
  object.fuse_forget_one.encode(one, 0, { nodeid: found.nodeid, nlookup: 1 });
  kernel.tell(Opcode.BATCH_FORGET, 0, object.fuse_batch_forget_in.encode({ count: 1, items: one }));
  await kernel.lookup(ROOT_ID, 'd');
  t.equal(nodes.inodeOf(found.nodeid), undefined);
  t.equal(nodes.count, 1, 'd is left');
  t.not((await kernel.lookup(ROOT_ID, 'a')).nodeid, found.nodeid, 'numbers are not used again');
  t.strictSame(kernel.unasked, [], 'FORGET has no answer');
});

t.test('that there is no such name is remembered if negative-timeout says so', async t => {
  const volfile = stackOf(`storage/posix directory=${t.testdir()}`);
  const kernel = await Kernel.over(t, volfile, { options: { 'negative-timeout': '1500ms' } });
  const found = await kernel.lookup(ROOT_ID, 'none');
  t.equal(found.nodeid, 0);
  t.equal(found.entry_valid, 1);
  t.equal(found.entry_valid_nsec, 500_000_000);
  await t.rejects(kernel.lookup(999, 'none'), { message: 'ESTALE' });
});

t.test('objects of all types are made', async t => {
  const dir = t.testdir();
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${dir}`), { options: { acl: 'off' } });
  const made = await kernel.ask(
    Opcode.MKDIR,
    ROOT_ID,
    names.fuse_mkdir_in,
    { mode: 0o40755, umask: 0, name: 'd' },
    entry,
  );
  t.equal(statSync(join(dir, 'd')).ino, Number(made.ino));
  await kernel.ask(Opcode.SYMLINK, made.nodeid, names.fuse_symlink_in, { name: 'l', target: '../x\xff' }, entry);
  t.equal(readlinkSync(join(dir, 'd/l'), 'latin1'), '../x\xff');
  const link = await kernel.lookup(made.nodeid, 'l');
  const { body } = await kernel.send(Opcode.READLINK, link.nodeid, object.fuse_node_in, {});
  t.equal(body.toString('latin1'), '../x\xff');
  const mknod = (name: string, mode: number, rdev = 0) =>
    kernel.ask(Opcode.MKNOD, made.nodeid, names.fuse_mknod_in, { mode, rdev, umask: 0, name }, entry);
  await mknod('file', 0o100640);
  await mknod('fifo', 0o10600);
  t.equal(lstatSync(join(dir, 'd/file')).mode, 0o100640);
  t.ok(lstatSync(join(dir, 'd/fifo')).isFIFO());
  if (process.getuid!() === 0) {
    t.equal((await mknod('null', 0o20666, 0x103)).rdev, 0x103);
    t.equal((await mknod('large', 0o20666, 0x7ff6_4321 >>> 0)).rdev, 0x7ff6_4321 >>> 0);
  }
  await t.rejects(mknod('file', 0o100640), { message: 'EEXIST' });
  await t.rejects(mknod('nothing', 0o640), { message: 'EINVAL' }, 'a mode without a type');
  const args = { oldnodeid: (await kernel.lookup(made.nodeid, 'file')).nodeid, newname: 'linked' };
  t.equal((await kernel.ask(Opcode.LINK, ROOT_ID, names.fuse_link_in, args, entry)).nlink, 2);
});

t.test('names are moved and removed', async t => {
  const dir = t.testdir({ a: 'a', b: 'b', d: {} });
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${dir}`));
  const { nodeid: newdir } = await kernel.lookup(ROOT_ID, 'd');
  const rename = { newdir, oldname: 'a', newname: 'x' };
  t.equal((await kernel.send(Opcode.RENAME, ROOT_ID, names.fuse_rename_in, rename)).error, undefined);
  t.strictSame(readdirSync(join(dir, 'd')), ['x']);
  const back = { newdir: ROOT_ID, flags: 1, oldname: 'x', newname: 'b' };
  t.equal((await kernel.send(Opcode.RENAME2, newdir, names.fuse_rename2_in, back)).error, 'EEXIST', 'NOREPLACE');
  const swap = { ...back, flags: 2 };
  t.equal((await kernel.send(Opcode.RENAME2, newdir, names.fuse_rename2_in, swap)).error, undefined, 'EXCHANGE');
  const remove = (opcode: number, name: string, parent: number = ROOT_ID) =>
    kernel.send(opcode, parent, object.fuse_name_in, { name }).then(({ error }) => error);
  t.equal(await remove(Opcode.RMDIR, 'd'), 'ENOTEMPTY');
  t.equal(await remove(Opcode.UNLINK, 'd'), 'EISDIR');
  t.equal(await remove(Opcode.UNLINK, 'x', newdir), undefined);
  t.equal(await remove(Opcode.RMDIR, 'd'), undefined);
  t.strictSame(readdirSync(dir), ['b']);
});

t.test('with ACLs the umask holds, but not below a directory with a default ACL', async t => {
  const dir = t.testdir({ plain: {}, inherits: {} });
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${dir}`));
  const { nodeid: plain } = await kernel.lookup(ROOT_ID, 'plain');
  const { nodeid: inherits } = await kernel.lookup(ROOT_ID, 'inherits');
  // acl(5): version 2; user::rwx, group::rwx, other::rwx.
  const acl = Buffer.from('0200000001000700ffffffff04000700ffffffff20000700ffffffff', 'hex');
  const args = { size: acl.length, flags: 0, name: 'system.posix_acl_default', value: acl };
  const { error } = await kernel.send(Opcode.SETXATTR, inherits, object.fuse_setxattr_in, args);
  t.equal(error, undefined);
  const mkdir = (parent: number) =>
    kernel.ask(Opcode.MKDIR, parent, names.fuse_mkdir_in, { mode: 0o40777, umask: 0o27, name: 'x' }, entry);
  t.equal((await mkdir(plain)).mode & 0o777, 0o750);
  t.equal((await mkdir(inherits)).mode & 0o777, 0o777);
});

t.test('a caller has its groups', { skip: process.getuid!() !== 0 && 'needs root' }, async t => {
  const dir = t.testdir({ d: {} });
  writeFileSync(join(dir, 'd/f'), '');
  const { execFileSync, spawn } = await import('node:child_process');
  execFileSync('chown', ['0:777', join(dir, 'd')]);
  execFileSync('chmod', ['0770', join(dir, 'd')]);
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${dir}`));
  const { nodeid } = await kernel.lookup(ROOT_ID, 'd');
  const member = spawn('setpriv', ['--reuid=1234', '--regid=1234', '--groups=777,778', 'sleep', '60']);
  t.teardown(() => member.kill());
  await new Promise(resolve => void setTimeout(resolve, 300)); // until setpriv runs sleep
  const caller = { uid: 1234, gid: 1234 };
  await kernel.lookup(nodeid, 'f', { ...caller, pid: member.pid! });
  await t.rejects(kernel.lookup(nodeid, 'f', { ...caller, pid: 0 }), { message: 'EACCES' }, 'no process is known');
  await t.rejects(kernel.lookup(nodeid, 'f', { ...caller, pid: 2 ** 22 + 1 }), { message: 'EACCES' }, 'it has ended');
});
