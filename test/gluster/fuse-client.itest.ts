/**
 * GlusterFS's own client and the server on one volume: what one of them writes, the other sees, with the same bytes, names,
 * times, modes, owners, links, file ids and access lists.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { enterBed } from './support/bed.ts';
import { type NfsClient, NfsError } from './support/nfs-client.ts';
import { servedVolume } from './support/serve.ts';
import { fuseMake, fuseView, type Made, nfsMake, nfsView, type Tree, type View } from './support/views.ts';
import { GlusterVolume, type Kind } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(900_000);

const KINDS: readonly Kind[] = ['distribute', 'replicate', 'arbiter', 'distributed-replicate', 'disperse', 'sharded'];
/**
 * GlusterFS's client keeps nothing, so that it sees at once what changes. Whole trees are looked at through a new mount, since
 * `features/shard` keeps attributes in any case.
 */
const NOTHING_KEPT = ['acl', 'attribute-timeout=0', 'entry-timeout=0', 'negative-timeout=0'];
const WITHOUT_CACHES = { 'performance.stat-prefetch': 'off', 'performance.quick-read': 'off' };
const MiB = 2 ** 20;
const [anna, bert] = [
  { uid: 1001, gid: 2001 },
  { uid: 1002, gid: 2002 },
] as const;

const some: Omit<Made, 'type'> = {
  mode: 0o640,
  ...anna,
  atime: 981_173_106_123_456_789n,
  mtime: 1_234_567_890_987_654_321n,
};

/** Objects of each type, with names, sizes, modes and times that are easily lost. */
function treeOfAll(): Tree {
  const tree = new Map<Buffer, Made>();
  const name = (text: string) => Buffer.from(text);
  for (const text of ['plain', 'with space', 'häßlich-日本語', '-dash', '*', 'new\nline', '\\', '...', 'n'.repeat(255)])
    tree.set(name(text), { ...some, type: 'file', data: Buffer.from(text) });
  tree.set(Buffer.from([0x66, 0xff, 0xfe]), { ...some, type: 'file', data: Buffer.from('no UTF-8') });
  for (const size of [0, 1, 511, 512, 1023, 1025, 131_073, 4 * MiB, 9 * MiB + 4321])
    tree.set(name(`size-${size}`), { ...some, type: 'file', data: randomBytes(size) });
  for (const mode of [0, 0o400, 0o777, 0o4755, 0o2755, 0o1644, 0o6711])
    tree.set(name(`mode-${mode.toString(8)}`), { ...some, type: 'file', data: Buffer.from('m'), mode });
  for (const mode of [0o700, 0o2775, 0o1777])
    tree.set(name(`directory-${mode.toString(8)}`), { ...some, type: 'directory', mode });
  for (const seconds of [0n, 1n, 2n ** 31n, 2n ** 32n - 1n]) {
    const at = { atime: seconds * 1_000_000_000n + 1n, mtime: seconds * 1_000_000_000n + 999_999_999n };
    tree.set(name(`time-${seconds}`), { ...some, ...at, type: 'file', data: Buffer.from('t') });
  }
  tree.set(name('linked'), { ...some, type: 'file', data: Buffer.from('linked'), link: 'other name' });
  tree.set(name('symlink'), { ...some, type: 'symlink', mode: 0o777, target: '../häßlich/no such place' });
  tree.set(name('long symlink'), { ...some, type: 'symlink', mode: 0o777, target: 'x'.repeat(1000) });
  for (const type of ['fifo', 'socket'] as const) tree.set(name(type), { ...some, type });
  for (const type of ['block', 'character'] as const) tree.set(name(type), { ...some, type, device: [7, 5] });
  return tree;
}

/** What was asked for is what is seen. */
function checkMade(t: Test, view: View, tree: Tree): void {
  for (const [name, { type, mode, uid, gid, atime, mtime, data, target, link }] of tree) {
    const seen = view[name.toString('latin1')];
    const wanted = {
      type,
      mode: mode.toString(8),
      owner: `${uid}:${gid}`,
      atime,
      mtime,
      nlink: link !== undefined || type === 'directory' ? 2 : 1,
      ...(data && { size: BigInt(data.length) }),
      ...(target !== undefined && {
        size: BigInt(Buffer.from(target).length),
        content: Buffer.from(target).toString('latin1'),
      }),
    };
    t.match(seen, wanted, name.toString());
    if (link !== undefined) t.strictSame(view[link], seen, 'both names are of one object');
  }
}

const getfacl = (path: string) => execFileSync('getfacl', ['-cpn', '--absolute-names', path], { encoding: 'utf8' });
const setfacl = (...args: readonly string[]) => execFileSync('setfacl', args);

/** What a call answers. */
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => 'NFS3_OK',
    (error: unknown) => {
      if (error instanceof NfsError) return error.status;
      throw error;
    },
  );

async function accessLists(t: Test, fuse: string, nfs: NfsClient) {
  const dir = await nfs.mkdir(nfs.root, 'lists', 0o755);
  const file = await nfs.create(dir, 'file', 0o600);
  await nfs.write(file, Buffer.from('secret'));
  const path = join(fuse, 'lists/file');
  const [byAnna, byBert] = [nfs.as(anna.uid, anna.gid), nfs.as(bert.uid, bert.gid)];
  t.equal(await outcome(byAnna.read(file)), 'NFS3ERR_ACCES');

  setfacl('-m', `u:${anna.uid}:rw,g:${bert.gid}:r`, path);
  t.equal((await byAnna.read(file)).toString(), 'secret', 'a list that GlusterFS has set lets its user read');
  t.equal((await byBert.read(file)).toString(), 'secret', 'and its group');
  t.equal(await outcome(byAnna.write(file, Buffer.from('S'))), 'NFS3_OK');
  t.equal(await outcome(byBert.write(file, Buffer.from('x'))), 'NFS3ERR_ACCES');
  t.equal((await nfs.getattr(file)).mode & 0o777, 0o660, 'the mask is the mode of the group');

  await nfs.setattr(file, { mode: 0o640 });
  t.match(
    getfacl(path),
    new RegExp(`^user:${anna.uid}:rw-\\s+#effective:r--$`, 'm'),
    'a mode set through NFS is the mask of the list',
  );
  t.match(getfacl(path), 'mask::r--');
  t.equal(await outcome(byAnna.write(file, Buffer.from('x'))), 'NFS3ERR_ACCES');
  await nfs.rename(dir, 'file', dir, 'renamed');
  t.match(getfacl(join(fuse, 'lists/renamed')), `user:${anna.uid}:rw-`, 'the list goes with the file');
  t.equal(readFileSync(join(fuse, 'lists/renamed'), 'utf8'), 'Secret');

  setfacl('-d', '-m', `u::rwx,g::r-x,o::-,u:${anna.uid}:rwx`, join(fuse, 'lists'));
  const heir = await nfs.create(dir, 'heir', 0o666);
  await nfs.mkdir(dir, 'heirs', 0o777);
  writeFileSync(join(fuse, 'lists/heir of FUSE'), '', { mode: 0o666 });
  mkdirSync(join(fuse, 'lists/heirs of FUSE'), { mode: 0o777 });
  t.equal(getfacl(join(fuse, 'lists/heir')), getfacl(join(fuse, 'lists/heir of FUSE')), 'a default list is inherited');
  t.equal(getfacl(join(fuse, 'lists/heirs')), getfacl(join(fuse, 'lists/heirs of FUSE')));
  t.match(getfacl(join(fuse, 'lists/heir')), `user:${anna.uid}:rw`);
  t.equal((await nfs.getattr(heir)).mode & 0o777, statSync(join(fuse, 'lists/heir')).mode & 0o777);
  t.equal(await outcome(byAnna.write(heir, Buffer.from('by its list'))), 'NFS3_OK');
}

async function otherAttributes(t: Test, fuse: string, nfs: NfsClient) {
  const file = await nfs.create(nfs.root, 'with attributes');
  const path = join(fuse, 'with attributes');
  execFileSync('setfattr', ['-n', 'user.colour', '-v', 'blue', path]);
  await nfs.write(file, Buffer.from('text'));
  await nfs.setattr(file, { mode: 0o600, uid: anna.uid, size: 2 });
  await nfs.rename(nfs.root, 'with attributes', nfs.root, 'moved');
  const value = execFileSync('getfattr', ['--only-values', '-n', 'user.colour', join(fuse, 'moved')]);
  t.equal(value.toString(), 'blue', 'the extended attributes of GlusterFS stay with a file that NFS changes');
}

for (const kind of KINDS) {
  t.test(kind, async t => {
    const volume = await GlusterVolume.for(t, kind, WITHOUT_CACHES);
    const { client: nfs } = await servedVolume(t, volume);
    const fuse = await volume.mount(t, ...NOTHING_KEPT);
    const tree = treeOfAll();

    await t.test("what GlusterFS's client makes is seen through NFS", async t => {
      const dir = await nfs.mkdir(nfs.root, 'of FUSE');
      fuseMake(join(fuse, 'of FUSE'), tree);
      const view = await nfsView(nfs, dir);
      checkMade(t, view, tree);
      t.strictSame(view, fuseView(join(await volume.mount(t), 'of FUSE')));
    });

    await t.test("what NFS makes is seen through GlusterFS's client", async t => {
      const dir = await nfs.mkdir(nfs.root, 'of NFS');
      await nfsMake(nfs, dir, tree);
      const view = fuseView(join(await volume.mount(t), 'of NFS'));
      checkMade(t, view, tree);
      t.strictSame(await nfsView(nfs, dir), view);
    });

    await t.test('access lists of GlusterFS hold for NFS', t => accessLists(t, fuse, nfs));
    await t.test('other extended attributes stay', t => otherAttributes(t, fuse, nfs));
  });
}
