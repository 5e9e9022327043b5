/** features/two-step over a brick that has no other fops than GlusterFS's, and their checks. */
import t, { type Test } from 'tap';
import type { FsError } from '#src/errno.ts';
import { type CreateHow, type Fops, RenameFlag } from '#src/graph/fops.ts';
import { ANCESTRY_PATH } from '#src/graph/fops/virtual-xattrs.ts';
import { FileType } from '#src/graph/iatt.ts';
import { identityOf } from '#src/graph/identity.ts';
import type { Inode } from '#src/graph/inode.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { Failing } from '../../support/memory/failing.ts';
import { Memory } from '../../support/memory/memory.ts';
import { frame, stackOf, TEST_XLATORS, volumeOf, xlatorOf } from '../../support/graph.ts';
import { passThroughSuite } from '../../suites/pass-through.ts';
import { failure } from '../../suites/xlator/hand.ts';
import { anna, bert, peopleOf } from '../../suites/people.ts';
import { twoStepSuite } from '../../suites/two-step.ts';
import { xlatorSuite } from '../../suites/xlator.ts';

const STRICT = ['features/two-step', 'test/failing', 'test/strict', 'test/memory'];
const NO_DEVICE = { major: 0, minor: 0 };
const EXCLUSIVE: CreateHow = { mode: 'exclusive', verifier: Buffer.from('verifier') };

xlatorSuite(t, 'two-step over a strict brick', t =>
  volumeOf(t, stackOf('features/two-step', 'test/strict', 'test/memory')),
);

twoStepSuite(t, 'two-step over a strict brick', t => volumeOf(t, stackOf(...STRICT)));

passThroughSuite(
  t,
  ['features/two-step'],
  [
    ...(['lookup', 'access', 'mknod', 'mkdir', 'symlink', 'create', 'link', 'unlink', 'rmdir', 'rename'] as const),
    ...(['setattr', 'fsetattr', 'truncate', 'ftruncate', 'readv', 'writev'] as const),
    ...(['fallocate', 'discard', 'zerofill', 'seek', 'readdir', 'readdirp'] as const),
  ],
);

/** A volume whose brick fails when it is told to. */
async function strict(t: Test) {
  const people = await peopleOf(await volumeOf(t, stackOf(...STRICT)));
  const failing = xlatorOf(people.top, 'v2', Failing);
  const brick = xlatorOf(people.top, 'v0', Memory);
  return { ...people, failing, brick, calls: failing.calls };
}

t.test('each creation of a file is one call', async t => {
  const { top, root, sends } = await strict(t);
  const how: CreateHow[] = [
    { mode: 'guarded', attr: { mode: 0o644 } },
    { mode: 'unchecked', attr: { mode: 0o644, size: 0 } },
    EXCLUSIVE,
  ];
  for (const one of how) await sends(t, () => top.create(anna, root, one.mode, one), ['create']);
  t.match((await top.lookup(frame, root, 'guarded')).iatt, { mode: 0o644, uid: 1001, gid: 1001 });
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

t.test(
  'where names are missing, the attributes of the directory are asked for together with the next name',
  async t => {
    const { top, root, failing, sends, fileOf } = await strict(t);
    const misses = async (name: string) => {
      const failed = await failure(top.lookup(frame, root, name));
      t.match(failed, { code: 'ENOENT', wcc: { after: { gfid: root.gfid } } });
    };
    for (const name of ['a', 'b', 'c', 'd']) await sends(t, () => misses(name), ['lookup', 'stat'], name);
    failing.calls.length = 0;
    const found = failing.fail({ fop: 'lookup', when: 'before', what: 'hang' });
    const missed = misses('e');
    await found.happened;
    t.strictSame(
      failing.calls.map(({ fop }) => fop),
      ['lookup', 'stat'],
      'before the brick has answered that there is no such name',
    );
    found.resume();
    await missed;
    await fileOf(anna, 'f', 0o600);
    await sends(t, () => top.lookup(frame, root, 'f'), ['lookup', 'stat'], 'a name that was not expected');
    await sends(t, () => top.lookup(frame, root, 'f'), ['lookup']);
    failing.fail({ fop: 'stat', when: 'before', what: 'EIO', nth: 'each' });
    for (const name of ['a', 'b', 'c']) t.equal((await failure(top.lookup(frame, root, name))).code, 'ENOENT');
    await top.lookup(frame, root, 'f');
  },
);

t.test('the failure of the second half of a setattr tells what the first has done', async t => {
  const { top, failing, fileOf } = await strict(t);
  const inode = await fileOf(anna, 'f', 0o600, 'text');
  failing.fail({ fop: 'setattr', when: 'before', what: 'EDQUOT' });
  const failed = await failure(top.setattr(anna, inode, { size: 1, mode: 0o400 }));
  t.match(failed, { code: 'EDQUOT', wcc: { before: { size: 4 }, after: { size: 1, mode: 0o600 } } });
});

t.test("GlusterFS's own names are not there", async t => {
  const { top, root, hand, brick, table } = await strict(t);
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
  const { top, hand, brick } = await strict(t);
  const inode = await hand.file('f');
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

t.test('a change that another client makes is noticed with the next answer', async t => {
  const { top, brick, fileOf } = await strict(t);
  const inode = await fileOf(anna, 'f', 0o600, 'text');
  const read = () => top.readv(anna, inode.fd, 9, 0);
  await read();
  await brick.setattr(frame, inode, { uid: 1002 });
  await read();
  t.equal((await failure(read())).code, 'EACCES');
  await top.access(bert, inode, 6);
  await top.readv(bert, inode.fd, 9, 0);
  await brick.setattr(frame, inode, { uid: 1003, mode: 0o640 });
  await top.readv(bert, inode.fd, 9, 0);
  t.equal((await failure(top.writev(bert, inode.fd, Buffer.from('x'), 0, 0))).code, 'EACCES');
});

t.test('the brick is asked once for what a caller may do with a file', async t => {
  const { top, fileOf, sends } = await strict(t);
  const inode = await fileOf(anna, 'f', 0o646, 'text');
  const write = () => top.writev(bert, inode.fd, Buffer.from('x'), 0, 0);
  await sends(t, write, ['stat', 'access', 'writev']);
  await sends(t, write, ['writev']);
  await sends(t, () => top.readv(bert, inode.fd, 9, 0), ['stat', 'access', 'access', 'access', 'readv']);
  await sends(t, () => top.access(bert, inode, 6), ['stat', 'access']);
  await sends(t, () => top.readv(bert, inode.fd, 9, 0), ['readv']);
  await sends(t, write, ['writev'], 'access has told it');
});

/** A brick with `server.root-squash`, which is asked about root as about user 65534. */
class Squashing extends Xlator {
  override access(...[asked, ...rest]: Parameters<Fops['access']>): ReturnType<Fops['access']> {
    const isRoot = asked.identity.uid === 0 && asked.internal !== true;
    return super.access(isRoot ? { ...asked, identity: identityOf(65_534, 65_534) } : asked, ...rest);
  }
}

t.test('root neither reads nor writes what bricks that squash it keep from it', async t => {
  const registry = { ...TEST_XLATORS, 'test/squash': async () => Squashing };
  const stack = stackOf('features/two-step', 'test/squash', 'test/strict', 'test/memory');
  const { top, fileOf } = await peopleOf(await volumeOf(t, stack, { registry }));
  for (const [name, mode, code] of [
    ['open', 0o666, undefined],
    ['closed', 0o600, 'EACCES'],
    ['open again', 0o666, undefined],
  ] as const) {
    for (const who of [frame, anna]) {
      const { fd } = await fileOf(who, `${name} ${who.identity.uid}`, mode);
      const calls = [
        top.readv(frame, fd, 9, 0),
        top.writev(frame, fd, Buffer.from('x'), 0, 0),
        top.seek(frame, fd, 0, 'data'),
      ];
      const failures = (await Promise.allSettled(calls)).map(one =>
        one.status === 'rejected' ? (one.reason as FsError).code : undefined,
      );
      t.strictSame(failures.slice(0, 2), [code, code], `${name} of ${who.identity.uid}`);
      if (code !== undefined) t.equal(failures[2], code);
    }
  }
});

t.test('root is asked about once, where it is root to the bricks', async t => {
  const { top, fileOf, sends } = await strict(t);
  const [own, users] = [await fileOf(frame, 'own', 0o600), await fileOf(anna, 'users', 0o600)];
  const write = (inode: Inode) => () => top.writev(frame, inode.fd, Buffer.from('x'), 0, 0);
  await sends(t, write(own), ['stat', 'access', 'writev']);
  await sends(t, write(own), ['writev']);
  await sends(t, write(users), ['writev'], 'it has shown for all files');
});
