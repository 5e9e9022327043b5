/** features/two-step over a brick that has no other fops than GlusterFS's, and their checks. */
import t, { type Test } from 'tap';
import { constants } from 'node:fs';
import { Access, type CreateHow, RenameFlag, type SetAttr, Stable } from '#src/graph/fops.ts';
import { ANCESTRY_PATH } from '#src/graph/fops/virtual-xattrs.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType } from '#src/graph/iatt.ts';
import { identityOf } from '#src/graph/identity.ts';
import { Fd, type Inode } from '#src/graph/inode.ts';
import { Failing } from '../../support/memory/failing.ts';
import { frame, stackOf, volumeOf, xlatorOf } from '../../support/graph.ts';
import { passThroughSuite } from '../../suites/pass-through.ts';
import { failure, Hand } from '../../suites/xlator/hand.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

const STRICT = ['features/two-step', 'test/failing', 'test/strict', 'test/memory'];
const NO_DEVICE = { major: 0, minor: 0 };
const VERIFIER = Buffer.from('verifier');
const EXCLUSIVE: CreateHow = { mode: 'exclusive', verifier: VERIFIER };

xlatorSuite(t, 'two-step over a strict brick', t =>
  volumeOf(t, stackOf('features/two-step', 'test/strict', 'test/memory')),
);

passThroughSuite(
  t,
  ['features/two-step'],
  [
    ...(['lookup', 'access', 'mknod', 'mkdir', 'symlink', 'create', 'link', 'unlink', 'rmdir', 'rename'] as const),
    ...(['setattr', 'fsetattr', 'truncate', 'ftruncate', 'readv', 'writev'] as const),
    ...(['fallocate', 'discard', 'zerofill', 'readdir', 'readdirp'] as const),
  ],
);

const as = (uid: number, gid = uid, groups: readonly number[] = []): Frame => ({
  ...frame,
  identity: identityOf(uid, gid, groups),
});
const [anna, bert] = [as(1001), as(1002)];

/** A volume whose root everybody may write to, and the calls that reach its brick. */
async function strict(t: Test) {
  const volume = await volumeOf(t, stackOf(...STRICT));
  const hand = new Hand(volume);
  const { top, root, table } = hand;
  await top.setattr(frame, root, { mode: 0o777 });
  const { calls } = xlatorOf(top, 'v2', Failing);
  const failing = xlatorOf(top, 'v2', Failing);
  /** A file of `who`. */
  const fileOf = async (who: Frame, name: string, mode: number, content = ''): Promise<Inode> => {
    const { iatt } = await top.create(who, root, name, { mode: 'guarded', attr: { mode: 0o600 } });
    const inode = table.link(iatt, root, name);
    if (content !== '') await top.writev(who, inode.fd, Buffer.from(content), 0, Stable.UNSTABLE);
    await top.setattr(who, inode, { mode });
    return inode;
  };
  /** The fops that the brick sees during `work`. */
  const seen = async (work: () => Promise<unknown>) => {
    calls.length = 0;
    await work();
    return calls.map(({ fop }) => fop);
  };
  return { ...volume, hand, failing, calls, fileOf, seen };
}

const text = async ({ top }: { top: Hand['top'] }, who: Frame, inode: Inode) =>
  (await top.readv(who, inode.fd, 100, 0)).data.toString();

t.test('each creation of a file is one call', async t => {
  const { top, root, seen } = await strict(t);
  const how: CreateHow[] = [
    { mode: 'guarded', attr: { mode: 0o644 } },
    { mode: 'unchecked', attr: { mode: 0o644, size: 0 } },
    EXCLUSIVE,
  ];
  for (const one of how) t.strictSame(await seen(() => top.create(anna, root, one.mode, one)), ['create']);
  t.match((await top.lookup(frame, root, 'guarded')).iatt, { mode: 0o644, uid: 1001, gid: 1001 });
});

t.test('an exclusive creation is recognised until its client sets a mode', async t => {
  const { top, root, table } = await strict(t);
  const first = await top.create(anna, root, 'f', EXCLUSIVE);
  t.equal(first.iatt.mode, 0, 'nobody can open it meanwhile');
  t.same((await top.create(anna, root, 'f', EXCLUSIVE)).iatt.gfid, first.iatt.gfid);
  const other: CreateHow = { mode: 'exclusive', verifier: Buffer.from('another!') };
  t.equal((await failure(top.create(anna, root, 'f', other))).code, 'EEXIST');
  await top.setattr(anna, table.link(first.iatt, root, 'f'), { mode: 0o600 });
  const late = await failure(top.create(anna, root, 'f', EXCLUSIVE));
  t.equal(late.code, 'EEXIST', 'the file is in use');
  t.ok(late.wcc?.after, 'with the attributes of the directory');
  await top.mkdir(anna, root, 'd', {});
  t.equal((await failure(top.create(anna, root, 'd', EXCLUSIVE))).code, 'EEXIST');
});

t.test('an exclusive creation works although the file of an earlier one still exists under another name', async t => {
  const { top, root } = await strict(t);
  const { iatt } = await top.create(anna, root, 'f', EXCLUSIVE);
  await top.rename(anna, root, 'f', root, 'g');
  const again = await top.create(anna, root, 'f', EXCLUSIVE);
  t.notSame(again.iatt.gfid, iatt.gfid);
  t.same((await top.create(anna, root, 'f', EXCLUSIVE)).iatt.gfid, again.iatt.gfid, 'it is recognised as well');
});

t.test('exclusive creation opens the file, also when it is repeated', async t => {
  const { top, root, table } = await strict(t);
  for (const what of ['first', 'again']) {
    const { iatt, opened } = await top.create(anna, root, 'f', EXCLUSIVE, constants.O_RDWR | constants.O_EXCL);
    t.ok(opened, what);
    t.equal(table.link(iatt, root, 'f').type, FileType.REG);
  }
});

t.test('an unchecked creation of an existing file sets its size, by the rights of who asks', async t => {
  const fix = await strict(t);
  const { top, root, fileOf } = fix;
  const inode = await fileOf(anna, 'f', 0o444, 'text');
  const cut: CreateHow = { mode: 'unchecked', attr: { size: 1, mode: 0o777 } };
  t.equal((await failure(top.create(bert, root, 'f', cut))).code, 'EACCES');
  t.match((await top.create(bert, root, 'f', { mode: 'unchecked', attr: {} })).iatt, { size: 4 });
  t.match((await top.create(anna, root, 'f', cut)).iatt, { size: 1, mode: 0o444 });
  t.equal(await text(fix, anna, inode), 't');
  t.equal(
    (await failure(top.create(anna, root, 'd', cut, constants.O_RDWR).then(() => top.mkdir(anna, root, 'd', {})))).code,
    'EEXIST',
  );
});

t.test('a new object has all attributes that are given', async t => {
  const { top, root } = await strict(t);
  const attr: SetAttr = { mode: 0o2750, uid: 7, gid: 8, atime: { sec: 1, nsec: 2 }, mtime: { sec: 3, nsec: 4 } };
  const expected = { mode: 0o2750, uid: 7, gid: 8, atime: 1, atimeNsec: 2, mtime: 3, mtimeNsec: 4 };
  const made = {
    create: await top.create(frame, root, 'f', { mode: 'guarded', attr: { ...attr } }),
    mkdir: await top.mkdir(frame, root, 'd', attr),
    mknod: await top.mknod(frame, root, 'p', FileType.FIFO, attr, NO_DEVICE),
  };
  for (const [fop, { iatt }] of Object.entries(made)) t.match(iatt, expected, fop);
  const { mode: _mode, ...others } = expected;
  t.match((await top.symlink(frame, root, 's', 'x', attr)).iatt, others);
  const sized = await top.create(frame, root, 'sized', { mode: 'guarded', attr: { mode: 0o400, size: 9 } });
  t.match(sized.iatt, { size: 9, mode: 0o400 });
});

t.test('ids that a caller may not give away are ignored', async t => {
  const { top, root, seen } = await strict(t);
  const who = as(1001, 1001, [77]);
  t.strictSame(await seen(() => top.mkdir(who, root, 'd', { uid: 0, gid: 0, mode: 0o755 })), ['mkdir']);
  t.match((await top.lookup(frame, root, 'd')).iatt, { uid: 1001, gid: 1001 });
  t.match((await top.mkdir(who, root, 'e', { uid: 1001, gid: 77 })).iatt, { uid: 1001, gid: 77 });
});

t.test('an object whose attributes cannot be set is removed again', async t => {
  const { top, root, failing } = await strict(t);
  failing.fail({ fop: 'setattr', when: 'before', what: 'EDQUOT' });
  const failed = await failure(top.mkdir(frame, root, 'd', { uid: 7 }));
  t.equal(failed.code, 'EDQUOT');
  t.equal((await failure(top.lookup(frame, root, 'd'))).code, 'ENOENT');
  failing.fail({ fop: 'truncate', when: 'before', what: 'EFBIG' });
  const how: CreateHow = { mode: 'guarded', attr: { size: 9 } };
  t.equal((await failure(top.create(frame, root, 'f', how))).code, 'EFBIG');
  t.equal((await failure(top.lookup(frame, root, 'f'))).code, 'ENOENT');
});

t.test('only root makes devices', async t => {
  const { top, root } = await strict(t);
  for (const type of [FileType.CHR, FileType.BLK]) {
    t.equal((await failure(top.mknod(anna, root, 'dev', type, {}, { major: 1, minor: 3 }))).code, 'EPERM');
  }
  t.match((await top.mknod(frame, root, 'dev', FileType.CHR, {}, { major: 1, minor: 3 })).iatt, {
    rdevMajor: 1,
    rdevMinor: 3,
  });
  t.match((await top.mknod(anna, root, 'fifo', FileType.FIFO, {}, NO_DEVICE)).iatt, { type: FileType.FIFO });
});

t.test('a size is set together with other attributes, or nothing is', async t => {
  const { top, hand, fileOf, seen } = await strict(t);
  const inode = await fileOf(anna, 'f', 0o666, 'text');
  const foreign: SetAttr[] = [
    { size: 0, mode: 0o600 },
    { size: 0, uid: 1002 },
    { size: 0, gid: 1002 },
    { size: 0, mtime: { sec: 1, nsec: 0 } },
  ];
  for (const attr of foreign) t.equal((await failure(top.setattr(bert, inode, attr))).code, 'EPERM');
  for (const attr of [
    { size: 0, uid: 1002 },
    { size: 0, gid: 5 },
  ]) {
    t.equal((await failure(top.setattr(anna, inode, attr))).code, 'EPERM');
  }
  t.equal((await hand.stat(inode)).size, 4, 'it was not truncated');
  const { before, after } = await top.setattr(anna, inode, { size: 2, mode: 0o400, mtime: { sec: 5, nsec: 6 } });
  t.match([before, after], [{ size: 4 }, { size: 2, mode: 0o400, mtime: 5, mtimeNsec: 6 }]);
  t.strictSame(
    await seen(() => top.setattr(anna, inode, { size: 1, mtime: 'now' })),
    ['truncate'],
    'as open(2) asks for',
  );
  t.strictSame(await seen(() => top.setattr(anna, inode, { mode: 0o600 })), ['setattr']);
  t.equal((await failure(top.setattr(frame, hand.root, { size: 0 }))).code, 'EISDIR');
});

t.test('the failure of the second half of a setattr tells what the first has done', async t => {
  const { top, failing, fileOf } = await strict(t);
  const inode = await fileOf(anna, 'f', 0o600, 'text');
  failing.fail({ fop: 'setattr', when: 'before', what: 'EDQUOT' });
  const failed = await failure(top.setattr(anna, inode, { size: 1, mode: 0o400 }));
  t.match(failed, { code: 'EDQUOT', wcc: { before: { size: 4 }, after: { size: 1, mode: 0o600 } } });
});

t.test('only the owner sets times other than now', async t => {
  const { top, fileOf } = await strict(t);
  const inode = await fileOf(anna, 'f', 0o666);
  const then = { sec: 1, nsec: 2 };
  t.equal((await failure(top.setattr(bert, inode, { mtime: then }))).code, 'EPERM');
  t.equal((await failure(top.fsetattr(bert, inode.fd, { atime: then }))).code, 'EPERM');
  await top.setattr(bert, inode, { atime: 'now', mtime: 'now' });
  t.match((await top.setattr(anna, inode, { mtime: then })).after, { mtime: 1, mtimeNsec: 2 });
  await top.setattr(anna, inode, { mode: 0o644 });
  t.equal((await failure(top.setattr(bert, inode, { mtime: 'now' }))).code, 'EACCES');
});

t.test('the mode of a symlink is left as it is', async t => {
  const { top, hand, root, seen } = await strict(t);
  await top.symlink(anna, root, 's', 'x', {});
  const inode = await hand.lookup(root, 's');
  t.strictSame(await seen(() => top.setattr(anna, inode, { mode: 0o600, mtime: { sec: 1, nsec: 0 } })), [
    'stat',
    'setattr',
  ]);
  t.match(await hand.stat(inode), { mode: 0o777, mtime: 1 });
});

t.test('the owner reads, writes and truncates whatever the mode has become', async t => {
  const fix = await strict(t);
  const { top, fileOf, seen } = fix;
  const inode = await fileOf(anna, 'f', 0, 'text');
  t.equal(await text(fix, anna, inode), 'text');
  t.match(await top.writev(anna, inode.fd, Buffer.from('T'), 0, Stable.UNSTABLE), { count: 1 });
  t.match(await top.setattr(anna, inode, { size: 3 }), { after: { size: 3 } });
  t.match(await top.truncate(anna, inode, 2), { after: { size: 2 } });
  t.match(await top.ftruncate(anna, inode.fd, 1), { after: { size: 1 } });
  await top.zerofill(anna, inode.fd, 0, 1);
  for (const call of [
    () => text(fix, bert, inode),
    () => top.writev(bert, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE),
    () => top.truncate(bert, inode, 0),
    () => top.ftruncate(bert, inode.fd, 0),
    () => top.zerofill(bert, inode.fd, 0, 1),
    () => top.discard(bert, inode.fd, 0, 1),
    () => top.fallocate(bert, inode.fd, 0, 0, 9),
  ]) {
    t.equal((await failure(call())).code, 'EACCES');
  }
  t.strictSame(await seen(() => text(fix, anna, inode)), ['readv'], 'it is known that the brick would refuse');
  t.strictSame(await seen(() => top.writev(anna, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE)), ['writev']);
});

t.test('a file that was given away is no longer its former owner’s', async t => {
  const fix = await strict(t);
  const { top, fileOf } = fix;
  const inode = await fileOf(anna, 'f', 0, 'text');
  t.equal(await text(fix, anna, inode), 'text');
  await top.setattr(frame, inode, { uid: 1002 });
  // The brick's answer shows the new owner: no call is trusted after this one.
  await text(fix, anna, inode);
  t.equal((await failure(text(fix, anna, inode))).code, 'EACCES');
  t.equal(await text(fix, bert, inode), 'text');
});

t.test('who may execute a file reads it, and nothing more', async t => {
  const fix = await strict(t);
  const { top, fileOf } = fix;
  const inode = await fileOf(anna, 'f', 0o711, 'text');
  t.equal(await text(fix, bert, inode), 'text');
  t.equal((await failure(top.writev(bert, inode.fd, Buffer.from('x'), 0, Stable.UNSTABLE))).code, 'EACCES');
});

t.test('the rights of an fd were checked when it was opened', async t => {
  const { top, fileOf } = await strict(t);
  const inode = await fileOf(anna, 'f', 0o666, 'text');
  const fd = new Fd(inode, constants.O_RDWR, (await top.open(bert, inode, constants.O_RDWR)).notes);
  await top.setattr(anna, inode, { mode: 0 });
  t.match(await top.writev(bert, fd, Buffer.from('T'), 0, Stable.UNSTABLE), { count: 1 });
  t.equal((await top.readv(bert, fd, 9, 0)).data.toString(), 'Text');
  t.match(await top.ftruncate(bert, fd, 2), { after: { size: 2 } });
  await top.discard(bert, fd, 0, 1);
});

t.test('who changes a file that is not its own takes its set-id bits', async t => {
  const { top, hand, fileOf } = await strict(t);
  const changes = {
    writev: (who: Frame, { fd }: Inode) => top.writev(who, fd, Buffer.from('x'), 0, Stable.UNSTABLE),
    truncate: (who: Frame, inode: Inode) => top.truncate(who, inode, 0),
    ftruncate: (who: Frame, { fd }: Inode) => top.ftruncate(who, fd, 0),
    setattr: (who: Frame, inode: Inode) => top.setattr(who, inode, { size: 0 }),
    fallocate: (who: Frame, { fd }: Inode) => top.fallocate(who, fd, 0, 0, 10),
  };
  for (const [name, change] of Object.entries(changes)) {
    const inode = await fileOf(anna, name, 0o6777);
    const kept = await fileOf(anna, `${name}-kept`, 0o2767);
    await change(frame, inode);
    t.equal((await hand.stat(inode)).mode, 0o6777, `${name} by root`);
    t.match(await change(bert, inode), { after: { mode: 0o777 } }, name);
    t.equal((await hand.stat(inode)).mode, 0o777);
    t.match(await change(bert, kept), { after: { mode: 0o2767 } }, 'setgid without execution is another thing');
  }
});

t.test('access is asked once, and for each bit only if the whole is refused', async t => {
  const { top, fileOf, seen, hand } = await strict(t);
  const all = Access.READ | Access.WRITE | Access.EXECUTE;
  const inode = await fileOf(anna, 'f', 0o754);
  t.strictSame((await seen(() => top.access(anna, inode, all))).toSorted(), ['access', 'stat']);
  t.match(await top.access(anna, inode, all), { granted: all, iatt: { mode: 0o754 } });
  t.match(await top.access(bert, inode, all), { granted: Access.READ });
  t.strictSame((await seen(() => top.access(bert, inode, Access.WRITE))).toSorted(), ['access', 'stat']);
  const plain = await fileOf(anna, 'plain', 0o644);
  t.match(await top.access(frame, plain, all), { granted: Access.READ | Access.WRITE }, 'root executes no plain file');
  t.match(await top.access(frame, hand.root, all), { granted: all });
});

t.test("GlusterFS's own names are not there", async t => {
  const { top, root, hand, graph, table } = await strict(t);
  const brick = graph.xlators.get('v0')!;
  const own = ['.shard', '.trashcan', '.glusterfs', '.glusterfs-anonymous-inode-6a7c'];
  for (const name of own) await brick.mkdir(frame, root, name, {});
  await hand.dir('.glusterfs-other');
  for (const kind of ['readdir', 'readdirp'] as const) {
    const names = (await top[kind](frame, root.fd, 4096, 0n)).entries.map(({ name }) => name);
    t.strictSame(names.toSorted(), ['.', '..', '.glusterfs-other']);
  }
  const hidden = own.filter(name => name !== '.trashcan');
  for (const name of hidden) {
    t.equal((await failure(top.lookup(frame, root, name))).code, 'ENOENT', name);
    const file = await hand.file(`file${name}`);
    for (const change of [
      () => top.create(frame, root, name, { mode: 'unchecked', attr: {} }),
      () => top.mkdir(frame, root, name, {}),
      () => top.symlink(frame, root, name, 'x', {}),
      () => top.mknod(frame, root, name, FileType.FIFO, {}, NO_DEVICE),
      () => top.link(frame, file, root, name),
      () => top.unlink(frame, root, name),
      () => top.rmdir(frame, root, name),
      () => top.rename(frame, root, name, root, 'x'),
      () => top.rename(frame, root, `file${name}`, root, name),
    ]) {
      t.equal((await failure(change())).code, 'EPERM', name);
    }
  }
  const below = table.link((await top.mkdir(frame, root, 'd', {})).iatt, root, 'd');
  await top.mkdir(frame, below, '.shard', {});
  t.equal((await top.lookup(frame, below, '.shard')).iatt.type, FileType.DIR, 'elsewhere they are names like others');
});

t.test("GlusterFS's own extended attributes are not there", async t => {
  const { top, hand, graph } = await strict(t);
  const inode = await hand.file('f');
  const brick = graph.xlators.get('v0')!;
  const value = Buffer.from('x');
  const own = ['trusted.afr.dirty', 'trusted.ec.size', 'trusted.glusterfs.dht', 'trusted.gfid', 'trusted.gfid2path.0'];
  for (const name of own) await brick.setxattr(frame, inode, new Map([[name, value]]), 0);
  await top.setxattr(frame, inode, new Map([['trusted.mine', value]]), 0);
  t.strictSame([...(await top.getxattr(frame, inode)).keys()], ['trusted.mine']);
  t.strictSame([...(await top.fgetxattr(frame, inode.fd)).keys()], ['trusted.mine']);
  for (const name of own) {
    t.equal((await failure(top.getxattr(frame, inode, name))).code, 'ENODATA');
    t.equal((await failure(top.fgetxattr(frame, inode.fd, name))).code, 'ENODATA');
    t.equal((await failure(top.setxattr(frame, inode, new Map([[name, value]]), 0))).code, 'EPERM');
    t.equal((await failure(top.fsetxattr(frame, inode.fd, new Map([[name, value]]), 0))).code, 'EPERM');
    t.equal((await failure(top.removexattr(frame, inode, name))).code, 'EPERM');
    t.equal((await failure(top.fremovexattr(frame, inode.fd, name))).code, 'EPERM');
  }
});

t.test('where a directory is may be asked whoever asks', async t => {
  const { top, hand, calls } = await strict(t);
  const dir = await hand.dir('d');
  calls.length = 0;
  t.same((await top.getxattr(anna, dir, ANCESTRY_PATH)).get(ANCESTRY_PATH), Buffer.from('/d'));
  t.same((await top.fgetxattr(anna, dir.fd, ANCESTRY_PATH)).get(ANCESTRY_PATH), Buffer.from('/d'));
  t.match(
    calls.map(({ args }) => args[0]),
    [{ internal: true }, { internal: true }],
  );
});

t.test('failures have the attributes of the directories, and say what is wrong with those', async t => {
  const { top, root, hand } = await strict(t);
  const [file, dir] = [await hand.file('f'), await hand.dir('d')];
  t.match(await failure(top.rename(frame, root, 'none', dir, 'x')), {
    code: 'ENOENT',
    wcc: { before: { gfid: root.gfid }, after: { gfid: root.gfid } },
    toWcc: { after: { gfid: dir.gfid } },
  });
  t.equal((await failure(top.rename(frame, root, 'f', dir, 'x', RenameFlag.EXCHANGE))).code, 'ENOENT');
  for (const call of [
    () => top.lookup(frame, file, 'x'),
    () => top.mkdir(frame, file, 'x', {}),
    () => top.link(frame, file, file, 'x'),
    () => top.rename(frame, root, 'f', file, 'x'),
  ]) {
    t.equal((await failure(call())).code, 'ENOTDIR');
  }
});

t.test('a failure that may have changed something has no attributes', async t => {
  const { top, root, failing } = await strict(t);
  failing.fail({ fop: 'mkdir', when: 'after', what: 'EIO' });
  t.strictSame(await failure(top.mkdir(frame, root, 'd', {})), { code: 'EIO' });
});

t.test('cookies of more than 32 bits are refused to those who cannot take them', async t => {
  const { top, root, failing } = await strict(t);
  const narrow = { ...frame, narrowCookies: true };
  t.equal((await top.readdir(narrow, root.fd, 4096, 0n)).entries.length, 2);
  failing.readdir = async () => ({
    entries: [{ name: 'a', ino: 1n, cookie: 1n << 32n }],
    eof: true,
    iatt: await top.stat(frame, root),
  });
  t.equal((await failure(top.readdir(narrow, root.fd, 4096, 0n))).code, 'EOVERFLOW');
  t.equal((await top.readdir(frame, root.fd, 4096, 0n)).entries.length, 1);
});
