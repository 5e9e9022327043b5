/** A subvolume is down, or full, or the rebalance daemon moves files. */
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { O_RDWR } from '#src/sys/constants.ts';
import { Fd, type Inode } from '#src/graph/inode.ts';
import { Stable } from '#src/graph/fops.ts';
import { FileType } from '#src/graph/iatt.ts';
import { LAYOUT } from '#src/xlators/cluster/distribute/keys.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { failure } from '../../../suites/xlator/hand.ts';
import { Client, newStore } from './support.ts';

t.test('with a subvolume down, what it has is not reachable, and the rest is', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const d = await hand.dir('d');
  await hand.dir('sub', d);
  const [on1, gone1] = client.names('/d', 1, 'x', 2) as [string, string];
  const on0 = client.name('/d', 0, 'x');
  const moved = client.name('/d', 2, 'y');
  const inode = await hand.file(on1, 'one', d);
  await hand.file(on0, 'zero', d);
  const first = client.names('/d', 1, 'z', 1)[0]!;
  await hand.file(first, 'moved', d);
  await top.rename(frame, d, first, d, moved);
  client.brick(1).disconnect();

  t.equal(await hand.content(await hand.lookup(d, on0)), 'zero');
  t.equal((await failure(top.lookup(frame, d, on1))).code, 'ENOTCONN', 'not ENOENT');
  t.equal((await failure(top.lookup(frame, d, gone1))).code, 'ENOTCONN', 'it may be there');
  t.equal((await failure(top.lookup(frame, d, moved))).code, 'ENOTCONN', 'a linkto file points to it');
  t.equal((await failure(top.stat(frame, inode))).code, 'ENOTCONN');
  t.equal((await failure(hand.file(gone1, '', d))).code, 'ENOTCONN');
  t.equal((await top.lookup(frame, hand.root, 'd')).iatt.type, FileType.DIR);
  t.equal((await top.discover(frame, d.gfid, undefined)).iatt.type, FileType.DIR);
  t.equal((await failure(top.discover(frame, inode.gfid, undefined))).code, 'ENOTCONN');
  const names = (await hand.names('readdirp', d, 4096)).map(({ name }) => name).toSorted();
  t.strictSame(names, ['.', '..', 'sub', on0].toSorted());
  t.equal((await failure(top.rmdir(frame, d, 'sub'))).code, 'ENOTCONN');
  t.equal((await failure(top.rename(frame, d, 'sub', d, 'other'))).code, 'ENOTCONN');
  t.ok(client.layout('/d').isWhole, 'no layout was written');

  client.brick(1).connect();
  t.equal(await hand.content(await hand.lookup(d, on1)), 'one');
  t.equal(await hand.content(await hand.lookup(d, moved)), 'moved');
});

t.test('a directory that was made while a subvolume was down is made there afterwards', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  await hand.dir('warm');
  const child = [0, 1, 2].find(i => client.names('', i, 'd').length > 0 && i !== 1)!;
  const name = client.name('', child, 'new');
  client.brick(1).disconnect();
  const made = await hand.dir(name);
  await hand.file('f', 'text', made);
  client.brick(1).connect();
  await hand.lookup(hand.root, name);
  t.ok(client.contents(1)[`/${name}`], 'the copy is there');
  t.ok(client.layout(`/${name}`).isWhole);
  t.equal(await hand.content(await hand.lookup(made, 'f')), 'text');
});

t.test('the root of a new volume gets one layout, whoever comes first', async t => {
  const store = newStore();
  const clients = await Promise.all([Client.of(t, store), Client.of(t, store), Client.of(t, store)]);
  await Promise.all(clients.map(({ hand }, i) => hand.dir(`d${i}`)));
  t.ok(clients[0]!.layout('').isWhole);
  for (const { hand } of clients) for (let i = 0; i < 3; i++) await hand.lookup(hand.root, `d${i}`);
});

t.test('several clients make the same names', async t => {
  const store = newStore();
  const clients = await Promise.all([Client.of(t, store), Client.of(t, store)]);
  for (let i = 0; i < 20; i++) {
    const results = await Promise.allSettled(clients.map(({ hand }) => hand.dir(`d${i}`)));
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    const [a, b] = await Promise.all(clients.map(({ hand }) => hand.lookup(hand.root, `d${i}`)));
    t.same(a!.gfid, b!.gfid);
    t.ok(clients[0]!.layout(`/d${i}`).isWhole);
  }
});

t.test('a layout that another client has written is learnt when a brick refuses the old one', async t => {
  const store = newStore();
  const client = await Client.of(t, store);
  const { hand } = client;
  const { top, frame } = hand;
  const d = await hand.dir('d');
  await hand.file('f', '', d);
  // What fix-layout does: the ranges of two subvolumes are exchanged.
  const old = client.layout('/d');
  const value = (i: number) => new Map([['trusted.glusterfs.dht', old.encoded(i)!]]);
  await client.brick(0).children[0]!.setxattr(frame, d, value(1), 0);
  await client.brick(1).children[0]!.setxattr(frame, d, value(0), 0);
  // Before that, the daemon has given the volume another commit hash.
  for (const brick of client.bricks) {
    const commit = new Map([['trusted.glusterfs.dht.commithash', Buffer.from('77\0')]]);
    await brick.children[0]!.setxattr(frame, hand.root, commit, 0);
  }
  const [opened, dir, plain] = client.names('/d', 0, 'x', 3) as [string, string, string];
  await top.create(frame, d, opened, { mode: 'guarded', attr: { mode: 0o600 } }, O_RDWR);
  t.ok(client.contents(0)[`/d/${opened}`], 'it is where the new layout says');
  await hand.dir(dir, d);
  await hand.file(plain, 'text', d);
  t.equal(await hand.content(await hand.lookup(d, plain)), 'text');
  t.equal((await failure(top.lookup(frame, d, 'nothing'))).code, 'ENOENT');
});

t.test('a file that is made without a check while the layout changes is found where the new layout says', async t => {
  const store = newStore();
  const client = await Client.of(t, store);
  const { hand } = client;
  const { top, frame } = hand;
  const d = await hand.dir('d');
  const name = client.name('/d', 0, 'x');
  for (const brick of client.bricks) {
    const commit = new Map([['trusted.glusterfs.dht.commithash', Buffer.from('77\0')]]);
    await brick.children[0]!.setxattr(frame, hand.root, commit, 0);
  }
  // The daemon changes the layout between what the client knows and what it makes.
  const old = client.layout('/d');
  const { happened, resume } = client.brick(0).fail({ fop: 'create', when: 'before', what: 'hang' });
  const made = hand.file(name, 'text', d);
  await happened;
  const value = (i: number) => new Map([['trusted.glusterfs.dht', old.encoded(i)!]]);
  await client.brick(0).children[0]!.setxattr(frame, d, value(1), 0);
  await client.brick(1).children[0]!.setxattr(frame, d, value(0), 0);
  resume();
  await made;
  t.match(client.contents(1)[`/d/${name}`], { mode: 0o1000 }, 'a linkto file tells where it is');
  const other = await Client.of(t, store);
  const seen = await other.hand.lookup(other.hand.root, 'd');
  t.equal(await other.hand.content(await other.hand.lookup(seen, name)), 'text');
  t.equal((await failure(top.lookup(frame, d, 'nothing'))).code, 'ENOENT');
});

t.test('a file that is being moved is changed in both places, and then found in the new one', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const d = await hand.dir('d');
  const name = client.name('/d', 0, 'f');
  const inode = await hand.file(name, 'before', d);
  const fd = await hand.open(inode, O_RDWR);
  const [from, to] = [client.brick(0).children[0]!, client.brick(1).children[0]!];
  const linkto = (at: string) => new Map([['trusted.glusterfs.dht.linkto', Buffer.from(`${at}\0`)]]);
  // Phase 1: the daemon makes the file at the new place and marks the old one.
  const attr = { mode: 0o1000, gfid: inode.gfid };
  await to.mknod(
    frame,
    d,
    name,
    FileType.REG,
    attr,
    { major: 0, minor: 0 },
    new Map([['trusted.glusterfs.dht.linkto', 'b0']]),
  );
  await from.setattr(frame, inode, { mode: 0o3644 });
  await from.setxattr(frame, inode, linkto('b1'), 0);
  const written = await top.writev(frame, fd, Buffer.from('during'), 0, Stable.UNSTABLE);
  t.equal(written.after!.mode, 0o644, 'the marks are not shown');
  t.equal((await hand.lookup(d, name)).gfid.equals(inode.gfid), true);
  t.equal((await top.lookup(frame, d, name)).iatt.mode, 0o644);
  t.equal((await top.stat(frame, inode)).mode, 0o644);
  const listed = (await hand.names('readdirp', d, 4096)).filter(entry => entry.name === name);
  t.match(listed, [{ iatt: { mode: 0o644 } }], 'it is listed once');
  t.match(
    [0, 1].map(i => client.contents(i)[`/d/${name}`]?.data),
    ['during', 'during'],
  );
  await top.truncate(frame, inode, 3);
  t.match(
    [0, 1].map(i => client.contents(i)[`/d/${name}`]?.data),
    ['dur', 'dur'],
  );
  const modesOf = () => [0, 1].map(i => client.contents(i)[`/d/${name}`]?.mode);
  t.equal((await top.setattr(frame, inode, { mode: 0o600 })).after!.mode, 0o600);
  t.strictSame(modesOf(), [0o3600, 0o600], 'the old place is still marked');

  // Phase 2: the new place has the data, the old one is a linkto file.
  await to.setattr(frame, inode, { mode: 0o644 });
  await to.removexattr(frame, inode, 'trusted.glusterfs.dht.linkto');
  await from.truncate(frame, inode, 0);
  await from.setattr(frame, inode, { mode: 0o1000 });
  t.equal((await top.setattr(frame, inode, { mode: 0o640 })).after!.mode, 0o640);
  t.strictSame(modesOf(), [0o1000, 0o640], 'the old place still points to the new one');
  t.equal((await top.readv(frame, fd, 10, 0)).data.toString(), 'dur');
  await top.writev(frame, fd, Buffer.from('after'), 0, Stable.UNSTABLE);
  t.equal(client.contents(1)[`/d/${name}`]?.data, 'after');
  t.equal((await top.stat(frame, inode)).size, 5);

  // At last the old place is no more.
  await from.unlink(frame, d, name);
  await top.setattr(frame, inode, { mode: 0o600 });
  t.equal(client.contents(1)[`/d/${name}`]?.mode, 0o600);
  t.equal(await hand.content(inode), 'after');
});

t.test('a user may give a file the bits that mark a migration', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const inode = await hand.file('f', 'text');
  for (const mode of [0o3755, 0o1000, 0o7777]) {
    t.equal((await top.setattr(frame, inode, { mode })).after!.mode, mode);
    t.equal((await top.stat(frame, inode)).mode, mode);
    t.equal((await top.lookup(frame, hand.root, 'f')).iatt.mode, mode);
    t.equal(await hand.content(inode), 'text');
  }
});

t.test('a subvolume that was added takes new directories at once, and old ones keep their layout', async t => {
  const store = newStore();
  const two = await Client.of(t, store, 2);
  const d = await two.hand.dir('old');
  for (let i = 0; i < 20; i++) await two.hand.file(`f${i}`, `text ${i}`, d);
  const three = await Client.of(t, store, 3);
  const { hand } = three;
  const seen = await hand.lookup(hand.root, 'old');
  for (let i = 0; i < 20; i++) t.equal(await hand.content(await hand.lookup(seen, `f${i}`)), `text ${i}`);
  t.ok(three.layout('/old').isWhole);
  t.match(three.layout('/old').parts[2], { start: 0, stop: 0 }, 'the new one has no part in it');
  await hand.file('g', 'new', seen);
  await hand.dir('new');
  t.ok(three.layout('/new').parts.every(part => typeof part !== 'string' && part.start !== part.stop));
  t.equal(await two.hand.content(await two.hand.lookup(d, 'g')), 'new', 'the other client sees it');
});

t.test('a subvolume that is being emptied gets no part of new directories', async t => {
  const client = await Client.of(t, newStore(), 3, ['decommissioned-bricks b1']);
  await client.hand.dir('d');
  t.match(client.layout('/d').parts[1], { start: 0, stop: 0 });
  t.ok(client.layout('/d').isWhole);
});

t.test('extended attributes of a directory are on all copies, and counted while they change', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const d = await hand.dir('d');
  await top.setxattr(frame, d, new Map([['user.a', Buffer.from('x')]]), 0);
  for (let i = 0; i < 3; i++) t.equal(client.contents(i)['/d']!.xattrs['user.a'], '78');
  const mds = () => [0, 1, 2].map(i => client.contents(i)['/d']!.xattrs['trusted.glusterfs.dht.mds']).filter(Boolean);
  t.strictSame(mds(), ['00000000']);
  await top.setattr(frame, d, { mode: 0o711, uid: 5, gid: 6 });
  for (let i = 0; i < 3; i++) t.match(client.contents(i)['/d'], { mode: 0o711, uid: 5, gid: 6 });
  const other = [0, 1, 2].find(i => client.contents(i)['/d']!.xattrs['trusted.glusterfs.dht.mds'] === undefined)!;
  client.brick(other).fail({ fop: 'setxattr', when: 'before', what: 'EIO' });
  t.equal((await failure(top.setxattr(frame, d, new Map([['user.a', Buffer.from('y')]]), 0))).code, 'EIO');
  t.strictSame(mds(), ['ffffffff'], 'the others lack something');
  t.notOk((await top.getxattr(frame, d)).has('trusted.glusterfs.dht'));
});

t.test('the room of a volume is that of all its subvolumes', async t => {
  const client = await Client.of(t, newStore());
  const { top, frame, root } = client.hand;
  const [all, one] = [await top.statfs(frame, root), await client.brick(0).statfs(frame, root)];
  t.equal(all.bytesTotal, 3 * one.bytesTotal);
  t.equal(all.nameMax, one.nameMax);
});

t.test('an inode without a note is found', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const inode = await hand.file('f', 'text');
  inode.slots.length = 0;
  t.equal(await hand.content(inode), 'text');
  const dir = await hand.dir('d');
  dir.slots.length = 0;
  await hand.file('g', 'more', dir);
  t.equal((await client.hand.top.discover(hand.frame, ROOT_GFID, undefined)).iatt.nlink, 3);
  const fd = new Fd(inode, O_RDWR);
  t.equal((await hand.top.readv(hand.frame, fd, 10, 0)).data.toString(), 'text', 'an fd is opened where it is not');
});

t.test('a directory that one subvolume does not let go is whole again', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const parent = await hand.dir('parent');
  const name = client.name('/parent', 0, 'd');
  const dir = await hand.dir(name, parent);
  await top.setattr(frame, dir, { uid: 500, gid: 501, mode: 0o750 });
  const layout = client.layout(`/parent/${name}`);
  for (const refusing of [0, 2]) {
    client.brick(refusing).fail({ fop: 'rmdir', when: 'before', what: 'EACCES' });
    t.equal((await failure(top.rmdir(frame, parent, name))).code, 'EACCES');
    for (const i of [0, 1, 2]) {
      const { mode, uid, gid, gfid } = client.contents(i)[`/parent/${name}`]!;
      t.same([mode & 0o777, uid, gid, gfid], [0o750, 500, 501, dir.gfid.toString('hex')], `on ${i}`);
    }
    t.same(client.layout(`/parent/${name}`), layout, 'with the ranges that it had');
  }
  await hand.file('f', 'text', dir);
  t.equal(await hand.content(await hand.lookup(dir, 'f')), 'text');
});

t.test('a linkto file that cannot be removed keeps its directory', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const dir = await hand.dir('d');
  const [from, to] = [client.name('/d', 0, 'x'), client.name('/d', 1, 'y')];
  await hand.file(from, 'text', dir);
  await top.rename(frame, dir, from, dir, to);
  await client.brick(0).children[0]!.unlink(frame, dir, to);
  t.ok(client.contents(1)[`/d/${to}`], 'the linkto file is left');
  const refusing = client.brick(1).fail({ fop: 'unlink', nth: 'each', when: 'before', what: 'EACCES' });
  t.equal((await failure(top.rmdir(frame, hand.root, 'd'))).code, 'ENOTEMPTY');
  t.ok(client.layout('/d').isWhole);
  refusing.cancel();
  await top.rmdir(frame, hand.root, 'd');
  t.strictSame(
    [0, 1, 2].map(i => client.contents(i)['/d']),
    [undefined, undefined, undefined],
  );
});

t.test('a linkto file that the rebalance daemon fills is removed with its file', async t => {
  const client = await Client.of(t, newStore());
  const { hand } = client;
  const { top, frame } = hand;
  const dir = await hand.dir('d');
  const [from, to] = [client.name('/d', 0, 'x'), client.name('/d', 1, 'y')];
  await hand.file(from, 'text', dir);
  await top.rename(frame, dir, from, dir, to);
  t.ok(client.contents(1)[`/d/${to}`], 'there is a linkto file');
  // So a brick answers for a linkto file that is open, if it is asked to remove nothing else.
  const { happened } = client.brick(1).fail({ fop: 'unlink', when: 'before', what: 'EBUSY' });
  await top.unlink(frame, dir, to);
  await happened;
  t.strictSame(
    [0, 1, 2].map(i => client.contents(i)[`/d/${to}`]),
    [undefined, undefined, undefined],
  );
});

/** Another client changes the layout of a directory, so that it is to be put right, and a subvolume goes and comes back. */
async function disturb(client: Client, d: Inode, child: number): Promise<void> {
  const brick = client.brick(child);
  await brick.removexattr(client.hand.frame, d, LAYOUT);
  brick.disconnect();
  brick.connect();
}

/** A file on the first subvolume, and a free name that belongs to `toChild`, in the directory `d`. */
async function toBeRenamed(t: Test, toChild: number) {
  const client = await Client.of(t, newStore());
  const d = await client.hand.dir('d');
  const from = client.name('/d', 0, 'from');
  const to = client.name('/d', toChild, 'to');
  await client.hand.file(from, 'text', d);
  return { client, d, from, to };
}

for (const [what, toChild] of [
  ['with both names on one subvolume', 0],
  ['to a name that belongs to another subvolume', 1],
] as const) {
  t.test(`a rename ${what}, while the layout of the directory changes`, async t => {
    const { client, d, from, to } = await toBeRenamed(t, toChild);
    const { hand } = client;
    const { top, frame } = hand;
    const locked = client.brick(toChild).fail({ fop: 'entrylk', when: 'after', what: 'hang' });
    const renamed = top.rename(frame, d, from, d, to);
    await locked.happened;
    await disturb(client, d, 2);
    // Others come to the directory, and put it right as soon as they can.
    const found = hand.lookup(hand.root, 'd');
    locked.resume();
    await renamed;
    await found;
    t.equal(await hand.content(await hand.lookup(d, to)), 'text');
    await hand.lookup(hand.root, 'd');
    t.ok(client.layout('/d').isWhole);
  });
}

for (const [what, toChild, step] of [
  ['with both names on one subvolume', 0, 'rename'],
  ['to a name that belongs to another subvolume', 1, 'link'],
] as const) {
  t.test(`a rename ${what} keeps its locks until it is over, also if it is refused`, async t => {
    const { client, d, from, to } = await toBeRenamed(t, toChild);
    const { hand } = client;
    const { top, frame } = hand;
    const unlocks = () =>
      client.bricks.flatMap(({ calls }) => calls.filter(({ fop, args }) => fop === 'entrylk' && args[4] === 'unlock'));
    for (const brick of client.bricks) brick.calls.length = 0;
    const slow = client.brick(0).fail({ fop: step, when: 'before', what: 'hang' });
    const renamed = top.rename(frame, d, from, d, to);
    await slow.happened;
    await setImmediate();
    t.equal(unlocks().length, 0);
    slow.resume();
    await renamed;
    t.ok(unlocks().length > 0);
    await top.rename(frame, d, to, d, from);
    // A failure that nothing waits for yet would end the process.
    client.brick(0).fail({ fop: step, when: 'before', what: 'EACCES' });
    t.equal((await failure(top.rename(frame, d, from, d, to))).code, 'EACCES');
    t.equal(await hand.content(await hand.lookup(d, from)), 'text');
  });
}
