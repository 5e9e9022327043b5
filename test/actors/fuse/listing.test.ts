/** Listings, attributes of objects beside their own, and locks. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Opcode, ROOT_ID } from '#protocols/fuse/constants.ts';
import { direntBytes, fuse_dirent } from '#protocols/fuse/directory.ts';
import * as file from '#protocols/fuse/file.ts';
import * as object from '#protocols/fuse/object.ts';
import { Kernel } from '../../support/fuse/kernel.ts';
import { stackOf } from '../../support/graph.ts';

interface Entry {
  readonly name: string;
  readonly ino: bigint;
  readonly off: bigint;
  readonly type: number;
  /** The node that READDIRPLUS tells of; 0 if it tells of none. */
  readonly nodeid: number;
}

/** Takes a listing apart, without the code that makes it. */
function entriesOf(body: Buffer, plus: boolean): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < body.length;) {
    const dirent = fuse_dirent.decode(body, at + (plus ? object.fuse_entry_out.size : 0));
    const from = at + (plus ? object.fuse_entry_out.size : 0) + fuse_dirent.size;
    const name = body.toString('latin1', from, from + dirent.namelen);
    const { ino, off, type } = dirent;
    entries.push({ name, ino, off, type, nodeid: plus ? object.fuse_entry_out.decode(body, at).nodeid : 0 });
    at += direntBytes(dirent.namelen, plus);
  }
  return entries;
}

const opened = (kernel: Kernel, nodeid: number) =>
  kernel.ask(Opcode.OPENDIR, nodeid, file.fuse_open_in, { flags: 0, open_flags: 0 }, file.fuse_open_out);

/** Lists a directory in pages of `size` bytes. */
async function list(kernel: Kernel, opcode: number, size: number): Promise<Entry[]> {
  const { fh } = await opened(kernel, ROOT_ID);
  const all: Entry[] = [];
  for (;;) {
    const args = { fh, offset: all.at(-1)?.off ?? 0n, size };
    const { error, body } = await kernel.send(opcode, ROOT_ID, file.fuse_readdir_in, args);
    if (error !== undefined || body.length > size) throw new Error(error ?? 'more than was asked for');
    const entries = entriesOf(body, opcode === Opcode.READDIRPLUS);
    if (entries.length === 0) break;
    all.push(...entries);
  }
  const release = { fh, flags: 0, release_flags: 0, lock_owner: 0n };
  await kernel.send(Opcode.RELEASEDIR, ROOT_ID, file.fuse_release_in, release);
  return all;
}

t.test('directories are listed page by page', async t => {
  const dir = t.testdir({ d: {}, l: t.fixture('symlink', 'a') });
  for (let i = 0; i < 200; i++) writeFileSync(join(dir, `file-${'x'.repeat(i % 40)}${i}`), '');
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${dir}`));
  const expected = [...readdirSync(dir), '.', '..'].sort();
  const names = await list(kernel, Opcode.READDIR, 4096);
  t.strictSame(names.map(({ name }) => name).sort(), expected);
  t.equal(kernel.session.serving.nodes.count, 0, 'READDIR tells the kernel of no nodes');
  for (const size of [1024, 4096, 131_072]) {
    const entries = await list(kernel, Opcode.READDIRPLUS, size);
    t.strictSame(entries.map(({ name }) => name).sort(), expected);
    const dots = entries.filter(({ name }) => name === '.' || name === '..');
    t.strictSame(
      dots.map(({ nodeid }) => nodeid),
      [0, 0],
    );
    t.strictSame(new Set(entries.map(({ type }) => type)), new Set([4, 8, 10]), 'directory, file, symlink');
  }
  const { nodes } = kernel.session.serving;
  t.equal(nodes.count, 202);
  const entries = await list(kernel, Opcode.READDIRPLUS, 131_072);
  for (const { nodeid } of entries) {
    kernel.tell(Opcode.FORGET, nodeid, object.fuse_forget_in.encode({ nlookup: 4 }));
  }
  await kernel.lookup(ROOT_ID, 'd');
  t.equal(nodes.count, 1, 'each listing has counted each object once');
});

t.test('a directory is synced; what is no directory is not listed', async t => {
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${t.testdir({ a: '' })}`));
  const { fh } = await opened(kernel, ROOT_ID);
  const fsync = { fh, fsync_flags: 0 };
  t.equal((await kernel.send(Opcode.FSYNCDIR, ROOT_ID, file.fuse_fsync_in, fsync)).error, undefined);
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  await t.rejects(opened(kernel, nodeid), { message: 'ENOTDIR' });
});

t.test('extended attributes', async t => {
  const kernel = await Kernel.over(t, stackOf(`storage/posix directory=${t.testdir({ a: '' })}`), {
    options: { acl: 'off' },
  });
  const { nodeid } = await kernel.lookup(ROOT_ID, 'a');
  const set = async (name: string, text: string, size = text.length, flags = 0) => {
    const args = { size, flags, name, value: Buffer.from(text) };
    return (await kernel.send(Opcode.SETXATTR, nodeid, object.fuse_setxattr_in, args)).error;
  };
  const get = (name: string, size: number) =>
    kernel.send(Opcode.GETXATTR, nodeid, object.fuse_getxattr_in, { size, name });
  t.equal(await set('user.a', 'value'), undefined);
  t.equal(await set('user.a', 'value', 5, 1), 'EEXIST');
  t.equal(await set('user.a', 'value', 6), 'EINVAL');
  t.equal((await get('user.a', 100)).body.toString(), 'value');
  t.equal(object.fuse_getxattr_out.decode((await get('user.a', 0)).body, 0).size, 5);
  t.equal((await get('user.a', 4)).error, 'ERANGE');
  t.equal((await get('user.b', 4)).error, 'ENODATA');
  t.equal(await set('user.b', ''), undefined);
  const listed = await kernel.send(Opcode.LISTXATTR, nodeid, object.fuse_listxattr_in, { size: 1000 });
  t.strictSame(listed.body.toString().split('\0').sort(), ['', 'user.a', 'user.b']);
  const remove = { name: 'user.a' };
  const removed = () => kernel.send(Opcode.REMOVEXATTR, nodeid, object.fuse_removexattr_in, remove);
  t.equal((await removed()).error, undefined);
  t.equal((await removed()).error, 'ENODATA');
  t.equal(await set('system.posix_acl_access', 'x'), 'ENOTSUP', 'ACLs that do not hold are not set');
});
