/** The layer that lets files consist of blocks, over the brick in memory. */
import { constants } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Flock, type Fops, Stable, type Xdata } from '#src/graph/fops.ts';
import { identityOf } from '#src/graph/identity.ts';
import { Fd } from '#src/graph/inode.ts';
import { frame, stackOf, volumeOf, xlatorOf } from '../../../support/graph.ts';
import { contentsOf } from '../../../support/memory/contents.ts';
import { Failing } from '../../../support/memory/failing.ts';
import { Memory } from '../../../support/memory/memory.ts';
import { failure, Hand } from '../../../suites/xlator/hand.ts';
import { xlatorSuite } from '../../../suites/xlator.ts';

const BLOCK = 4096;
const SIZE_KEY = 'trusted.glusterfs.shard.file-size';
const BLOCK_KEY = 'trusted.glusterfs.shard.block-size';
let stores = 0;

xlatorSuite(t, 'blocks of the default size', t => volumeOf(t, stackOf('features/shard', 'test/memory')));
xlatorSuite(t, 'small blocks', t => volumeOf(t, stackOf('features/shard shard-block-size=4KB', 'test/memory')));

/** A client with small blocks of a brick that others may use as well. */
async function client(t: Test, store = `shard-test-${++stores}`) {
  const text = stackOf('features/shard shard-block-size=4KB', 'test/failing', `test/memory store=${store}`);
  const volume = await volumeOf(t, text);
  return {
    ...volume,
    store,
    hand: new Hand(volume),
    link: xlatorOf(volume.top, 'v1', Failing),
    brick: xlatorOf(volume.top, 'v0', Memory),
  };
}

const uuid = (gfid: Buffer): string =>
  gfid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
/** The names of the files that the brick has, without those of directories. */
const pathsOf = (brick: Memory): string[] =>
  Object.keys(contentsOf(brick))
    .filter(path => path !== '')
    .sort();

/** Resolves when the marker of a file is removed, which is when its blocks are gone. */
async function swept(link: Failing, gfid: Buffer): Promise<void> {
  const isMarker = (_frame: unknown, _dir: unknown, name: string) => name === uuid(gfid);
  const planned = link.fail({ fop: 'unlink', of: isMarker, when: 'after', what: 'hang' });
  await planned.happened;
  planned.resume();
}

t.test('a file consists of itself and further files of the size of a block', async t => {
  const { hand, top, brick, root } = await client(t);
  const data = pattern(2 * BLOCK + 100);
  const file = await hand.file('f');
  t.same(pathsOf(brick), ['/f'], 'the directory of blocks is made when it is needed');
  const written = await top.writev(frame, file.fd, data, 0, Stable.UNSTABLE);
  t.match(written, { count: data.length, after: { size: data.length, used: 2 * BLOCK } });
  const id = uuid(file.gfid);
  const kept = contentsOf(brick);
  t.same(pathsOf(brick), ['/.shard', `/.shard/${id}.1`, `/.shard/${id}.2`, '/f']);
  t.equal(kept['/.shard']!.gfid, 'be318638e8a04c6d977d7a937aa84806');
  t.equal(kept['/f']!.data + kept[`/.shard/${id}.1`]!.data + kept[`/.shard/${id}.2`]!.data, data.toString('latin1'));
  t.equal(kept['/f']!.xattrs[BLOCK_KEY], '0000000000001000');
  t.equal(kept['/f']!.xattrs[SIZE_KEY], `${'0000000000002064'}${'0'.repeat(16)}${'0000000000000010'}${'0'.repeat(16)}`);
  const reply = await top.readv(frame, file.fd, 1_000_000, 0);
  t.ok(reply.data.equals(data) && reply.eof);
  t.ok((await top.readv(frame, file.fd, 20, BLOCK - 10)).data.equals(data.subarray(BLOCK - 10, BLOCK + 10)));
  t.equal((await top.lookup(frame, root, 'f')).iatt.size, data.length);
  t.same([...(await top.getxattr(frame, file)).keys()], []);
});

t.test('the directory of blocks is neither listed nor found', async t => {
  const { hand, top, root } = await client(t);
  await hand.file('a');
  await top.writev(frame, (await hand.file('f')).fd, pattern(2 * BLOCK), 0, Stable.UNSTABLE);
  await hand.file('z');
  for (const kind of ['readdir', 'readdirp'] as const) {
    for (const size of [1, 100, 4096]) {
      const names = (await hand.names(kind, root, size)).map(({ name }) => name);
      t.same(names, ['.', '..', 'a', 'f', 'z'], `${kind} in pages of ${size}`);
    }
  }
  for (const call of [top.lookup(frame, root, '.shard'), top.mkdir(frame, root, '.shard', {})])
    t.equal((await failure(call)).code, 'EPERM');
});

t.test('listings have the sizes of files without a call for each', async t => {
  const { hand, top, link, root, store } = await client(t);
  for (let i = 0; i < 20; i++)
    await top.writev(frame, (await hand.file(`f${i}`)).fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  const other = await client(t, store);
  other.link.calls.length = 0;
  const { entries } = await other.top.readdirp(frame, other.root.fd, 100_000, 0n);
  t.same(new Set(entries.slice(2).map(({ iatt }) => iatt!.size)), new Set([3 * BLOCK]));
  t.same(
    other.link.calls.filter(({ args }) => args[2] !== '.shard').map(({ fop }) => fop),
    ['readdirp'],
  );
  link.calls.length = 0;
  t.equal((await top.readdirp(frame, root.fd, 100_000, 0n)).entries[2]!.xdata, undefined);
});

t.test('writes over each other in any order leave the right size', async t => {
  const { hand, top, brick, store } = await client(t);
  const file = await hand.file('f');
  const data = pattern(20 * BLOCK + 7);
  const parts = Array.from({ length: 41 }, (_, i) => i * 2000).filter(at => at < data.length);
  const shuffled = parts.map((at, i) => [(i * 17) % 41, at] as const).sort(([a], [b]) => a - b);
  await Promise.all(
    shuffled.map(([, at]) => top.writev(frame, file.fd, data.subarray(at, at + 2500), at, Stable.UNSTABLE)),
  );
  const size = data.length;
  t.equal((await hand.stat(file)).size, size);
  const read = await top.readv(frame, file.fd, 1_000_000, 0);
  t.ok(read.data.equals(data.subarray(0, size)));
  t.match(contentsOf(brick)['/f']!.xattrs[SIZE_KEY], new RegExp(`^${size.toString(16).padStart(16, '0')}`));
  const other = await client(t, store);
  const found = await other.hand.lookup(other.root, 'f');
  t.ok((await other.top.readv(frame, found.fd, 1_000_000, 0)).data.equals(data.subarray(0, size)));
});

t.test('a file with blocks goes with all of them', async t => {
  const { hand, top, brick, root, link } = await client(t);
  const file = await hand.file('f');
  await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  const whenSwept = swept(link, file.gfid);
  await top.unlink(frame, root, 'f');
  await whenSwept;
  t.same(pathsOf(brick), ['/.shard', '/.shard/.remove_me']);
  t.equal(contentsOf(brick)['/.shard/.remove_me']!.gfid, '77dd5a45dbf54592b31bb440382302e9');

  const small = await hand.file('small', 'text');
  link.calls.length = 0;
  await top.unlink(frame, root, 'small');
  t.same(
    link.calls.map(({ fop }) => fop),
    ['lookup', 'unlink'],
    'a file of one block has nothing to mark',
  );
  t.equal((await failure(hand.stat(small))).code, 'ESTALE');
});

t.test('a file with further names keeps its blocks', async t => {
  const { hand, top, brick, root, link } = await client(t);
  const file = await hand.file('f');
  const data = pattern(3 * BLOCK);
  await top.writev(frame, file.fd, data, 0, Stable.UNSTABLE);
  t.match((await top.link(frame, file, root, 'g')).iatt, { nlink: 2, size: 3 * BLOCK });
  await top.unlink(frame, root, 'f');
  t.ok((await top.readv(frame, file.fd, 1_000_000, 0)).data.equals(data));
  await hand.file('h');
  const whenSwept = swept(link, file.gfid);
  await top.rename(frame, root, 'h', root, 'g');
  await whenSwept;
  t.same(pathsOf(brick), ['/.shard', '/.shard/.remove_me', '/g']);
});

t.test('blocks that a client has left are removed by the next one', async t => {
  const { hand, top, brick, root, link, store } = await client(t);
  const file = await hand.file('f');
  await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  link.fail({ fop: 'unlink', of: (_frame, _dir, name) => name === 'f', when: 'after', what: 'down' });
  t.equal((await failure(top.unlink(frame, root, 'f'))).code, 'ENOTCONN');
  const id = uuid(file.gfid);
  t.same(pathsOf(brick), [
    '/.shard',
    '/.shard/.remove_me',
    `/.shard/.remove_me/${id}`,
    `/.shard/${id}.1`,
    `/.shard/${id}.2`,
  ]);
  const other = await client(t, store);
  const whenSwept = swept(other.link, file.gfid);
  other.link.disconnect();
  other.link.connect();
  await whenSwept;
  t.same(pathsOf(brick), ['/.shard', '/.shard/.remove_me']);
});

t.test('a removal that is refused leaves no marker', async t => {
  const { hand, top, brick, root, link } = await client(t);
  const file = await hand.file('f');
  await top.writev(frame, file.fd, pattern(2 * BLOCK), 0, Stable.UNSTABLE);
  link.fail({ fop: 'unlink', of: (_frame, _dir, name) => name === 'f', when: 'before', what: 'EACCES' });
  t.equal((await failure(top.unlink(frame, root, 'f'))).code, 'EACCES');
  t.same(pathsOf(brick), ['/.shard', '/.shard/.remove_me', `/.shard/${uuid(file.gfid)}.1`, '/f']);
  const lock: Flock = { type: 'write', start: 0n, length: 0n };
  await top.inodelk({ ...frame, lkOwner: Buffer.from('o') }, 'v2', file, lock, false);
});

t.test('truncation removes blocks and cuts the last one off, and growth makes a hole', async t => {
  const { hand, top, brick, link } = await client(t);
  const file = await hand.file('f');
  const data = pattern(4 * BLOCK);
  const id = uuid(file.gfid);
  await top.writev(frame, file.fd, data, 0, Stable.UNSTABLE);
  const cut = await top.truncate(frame, file, BLOCK + 10);
  t.match(cut, { before: { size: 4 * BLOCK }, after: { size: BLOCK + 10, used: BLOCK } });
  t.same(pathsOf(brick), ['/.shard', `/.shard/${id}.1`, '/f']);
  await top.ftruncate(frame, file.fd, 3 * BLOCK);
  t.same(pathsOf(brick), ['/.shard', `/.shard/${id}.1`, '/f'], 'a hole has no blocks');
  const expected = Buffer.concat([data.subarray(0, BLOCK + 10), Buffer.alloc(2 * BLOCK - 10)]);
  t.ok((await top.readv(frame, file.fd, 1_000_000, 0)).data.equals(expected));
  link.calls.length = 0;
  await top.truncate(frame, file, 0);
  t.match(await hand.stat(file), { size: 0, used: 0 });
  t.same(pathsOf(brick), ['/.shard', '/f']);
});

t.test('of a write that fails in the middle the part before counts', async t => {
  const { hand, top, link } = await client(t);
  const file = await hand.file('f');
  await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  await top.truncate(frame, file, 0);
  const isSecond = (_frame: unknown, _fd: unknown, part: Buffer) =>
    part.length === BLOCK && part[0] === pattern(2 * BLOCK)[BLOCK];
  link.fail({ fop: 'writev', of: isSecond, when: 'before', what: 'ENOSPC' });
  t.match(await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE), {
    count: BLOCK,
    after: { size: BLOCK },
  });
  t.equal((await hand.stat(file)).size, BLOCK);
  link.fail({ fop: 'writev', nth: 'each', when: 'before', what: 'EDQUOT' });
  t.equal((await failure(top.writev(frame, file.fd, pattern(BLOCK), BLOCK, Stable.UNSTABLE))).code, 'EDQUOT');
});

t.test('the blocks can be used by callers who may use the file, and by no others', async t => {
  const layers = ['features/two-step', 'features/shard shard-block-size=4KB', 'test/strict', 'test/memory'];
  const volume = await volumeOf(t, stackOf(...layers));
  const [hand, { top }] = [new Hand(volume), volume];
  const file = await hand.file('f');
  await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  await top.setattr(frame, file, { mode: 0o600, uid: 500 });
  const as = (uid: number) => ({ ...frame, identity: identityOf(uid, uid) });
  t.equal((await top.readv(as(500), file.fd, 10, 2 * BLOCK)).data.length, 10);
  const refused = [
    top.readv(as(501), file.fd, 10, 2 * BLOCK),
    top.writev(as(501), file.fd, pattern(10), 2 * BLOCK, Stable.UNSTABLE),
    top.truncate(as(501), file, 10),
    top.truncate(as(501), file, 2 * BLOCK),
  ];
  for (const call of refused) t.equal((await failure(call)).code, 'EACCES');
  t.ok((await top.readv(frame, file.fd, 4 * BLOCK, 0)).data.equals(pattern(3 * BLOCK)), 'nothing has changed');
  await top.truncate(as(500), file, 2 * BLOCK);
});

t.test('a file has the time of its block that was written last', async t => {
  const { hand, top, brick } = await client(t);
  const file = await hand.file('f');
  await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  await top.setattr(frame, file, { mtime: { sec: 5, nsec: 0 } });
  t.equal((await hand.stat(file)).mtime, 5);
  const times = { flags: 3, sec: 2_000_000_000, nsec: 17 };
  await top.writev({ ...frame, times }, file.fd, pattern(10), 2 * BLOCK, Stable.UNSTABLE);
  t.match(await hand.stat(file), { mtime: 2_000_000_000, mtimeNsec: 17 });
  t.equal(brick.tree.find(file.gfid).mtime.sec, 5);
  await top.fsync(frame, file.fd, false);
  t.equal(brick.tree.find(file.gfid).mtime.sec, 2_000_000_000);
});

t.test('fsync makes all blocks durable that were written', async t => {
  const { hand, top, link } = await client(t);
  const file = await hand.file('f');
  await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  const synced = () => link.calls.filter(({ fop }) => fop === 'fsync').length;
  link.calls.length = 0;
  link.fail({ fop: 'fsync', nth: 2, when: 'before', what: 'EIO' });
  t.equal((await failure(top.fsync(frame, file.fd, false))).code, 'EIO');
  link.calls.length = 0;
  await top.fsync(frame, file.fd, false);
  t.equal(synced(), 3);
  link.calls.length = 0;
  await top.fsync(frame, file.fd, false);
  t.equal(synced(), 1);
});

t.test('what another client has changed is seen', async t => {
  const { hand, top, root, store, brick } = await client(t);
  const other = await client(t, store);
  const file = await hand.file('f');
  const there = await other.hand.lookup(other.root, 'f');
  await top.writev(frame, file.fd, pattern(3 * BLOCK), 0, Stable.UNSTABLE);
  t.equal((await other.hand.stat(there)).size, 3 * BLOCK);
  await other.top.truncate(frame, there, 0);
  await other.top.writev(frame, there.fd, pattern(3 * BLOCK).reverse(), 0, Stable.UNSTABLE);
  brick.notify({ kind: 'upcall', gfid: file.gfid, about: 'changed' });
  const read = await top.readv(frame, file.fd, 1_000_000, 0);
  t.ok(read.data.equals(pattern(3 * BLOCK).reverse()), 'its blocks are others, with the same names');
  await top.writev(frame, file.fd, pattern(10), 3 * BLOCK, Stable.UNSTABLE);
  t.equal((await top.lookup(frame, root, 'f')).iatt.size, 3 * BLOCK + 10);
});

for (const [where, bytes] of [
  ['in the first block', 100],
  ['in a later block', 2 * BLOCK + 100],
] as const) {
  t.test(`a read to the end sees what another client has added or cut off ${where}`, async t => {
    const { hand, top, root, store } = await client(t);
    const other = await client(t, store);
    const file = await hand.file('f');
    await top.writev(frame, file.fd, pattern(bytes), 0, Stable.UNSTABLE);
    const there = await other.hand.lookup(other.root, 'f');
    await other.top.writev(frame, there.fd, pattern(bytes), bytes, Stable.UNSTABLE);
    const whole = await top.readv(frame, file.fd, 1_000_000, 0);
    t.ok(whole.data.equals(Buffer.concat([pattern(bytes), pattern(bytes)])), 'it is longer');
    t.ok(whole.eof);
    await other.top.truncate(frame, there, bytes - 10);
    const cut = await top.readv(frame, file.fd, 1_000_000, 0);
    t.ok(cut.data.equals(pattern(bytes).subarray(0, bytes - 10)), 'it is shorter');
    t.equal((await top.lookup(frame, root, 'f')).iatt.size, bytes - 10);
  });
}

t.test('what another client has appended is not overwritten, and its data are found', async t => {
  const { hand, top, root, store } = await client(t);
  const other = await client(t, store);
  const file = await hand.file('f');
  const there = await other.hand.lookup(other.root, 'f');
  const { notes } = await top.open(frame, file, constants.O_WRONLY | constants.O_APPEND);
  const appending = new Fd(file, constants.O_WRONLY | constants.O_APPEND, notes);
  await top.writev(frame, appending, pattern(10), 0, Stable.UNSTABLE);
  await other.top.writev(frame, there.fd, pattern(20), 10, Stable.UNSTABLE);
  t.equal(await top.seek(frame, file.fd, 15, 'data'), 15);
  await top.writev(frame, appending, pattern(30), 0, Stable.UNSTABLE);
  const { data } = await other.top.readv(frame, there.fd, 1_000_000, 0);
  t.ok(data.equals(Buffer.concat([pattern(10), pattern(20), pattern(30)])));
  t.equal((await top.lookup(frame, root, 'f')).iatt.size, 60);
});

t.test('a write that another client has made already does not make the file larger', async t => {
  const { hand, top, store } = await client(t);
  const other = await client(t, store);
  const file = await hand.file('f');
  const there = await other.hand.lookup(other.root, 'f');
  // An NFS client sends a call again, to another server, when its answer did not come.
  await top.writev(frame, file.fd, pattern(100), 0, Stable.UNSTABLE);
  await other.top.writev(frame, there.fd, pattern(100), 0, Stable.UNSTABLE);
  t.equal((await other.hand.stat(there)).size, 100);
  const third = await client(t, store);
  t.equal((await third.top.lookup(frame, third.root, 'f')).iatt.size, 100);
});

const changesSize = (...[, , , changes]: Parameters<Fops['xattrop']>): boolean => changes.has(SIZE_KEY);

t.test('the size is right when two writes at the end are answered in another order than they were made in', async t => {
  const { hand, top, link } = await client(t);
  const file = await hand.file('f');
  const first = link.fail({ fop: 'xattrop', of: changesSize, when: 'after', what: 'hang' });
  const one = top.writev(frame, file.fd, pattern(10), 0, Stable.UNSTABLE);
  await first.happened;
  const second = link.fail({ fop: 'xattrop', of: changesSize, when: 'after', what: 'hang' });
  const two = top.writev(frame, file.fd, pattern(10), 10, Stable.UNSTABLE);
  await second.happened;
  second.resume();
  await setImmediate();
  first.resume();
  await Promise.all([one, two]);
  t.equal((await top.readv(frame, file.fd, 100, 0)).data.length, 20);
});

t.test('a write is within the file although another one, on which its end was counted, has failed', async t => {
  const { hand, top, link, store } = await client(t);
  const file = await hand.file('f');
  link.fail({ fop: 'xattrop', of: changesSize, when: 'before', what: 'EIO' });
  const [one, two] = await Promise.allSettled([
    top.writev(frame, file.fd, pattern(10), 0, Stable.UNSTABLE),
    top.writev(frame, file.fd, pattern(10), 10, Stable.UNSTABLE),
  ]);
  t.same([one.status, two.status], ['rejected', 'fulfilled']);
  const third = await client(t, store);
  t.equal((await third.top.lookup(frame, third.root, 'f')).iatt.size, 20);
  t.equal((await top.readv(frame, file.fd, 100, 0)).data.length, 20);
});

t.test('a file that was there before remains as it is', async t => {
  const { hand, top, root, brick } = await client(t);
  brick.tree.enter(brick.tree.root, 'old', brick.tree.add(1, 0o644));
  const file = await hand.lookup(root, 'old');
  await top.writev(frame, file.fd, pattern(2 * BLOCK), 0, Stable.UNSTABLE);
  t.same(pathsOf(brick), ['/old']);
  t.equal((await hand.stat(file)).size, 2 * BLOCK);
  await top.create(frame, root, 'old', { mode: 'unchecked', attr: { size: 5 } });
  t.equal((await hand.stat(file)).size, 5);
});

t.test('what a brick says of sizes is not believed if it cannot be', async t => {
  const { top, root, brick } = await client(t);
  const node = brick.tree.add(1, 0o644);
  brick.tree.enter(brick.tree.root, 'f', node);
  const answers: [string, string | undefined][] = [
    ['00', '00'.repeat(32)],
    ['0000000000000001', '00'.repeat(32)],
    ['7fffffffffffffff', '00'.repeat(32)],
    ['0000000000400000', undefined],
    ['0000000000400000', '00'],
    ['0000000000400000', `7fffffffffffffff${'00'.repeat(24)}`],
  ];
  for (const [block, size] of answers) {
    node.xattrs.set(BLOCK_KEY, Buffer.from(block, 'hex'));
    node.xattrs.delete(SIZE_KEY);
    if (size !== undefined) node.xattrs.set(SIZE_KEY, Buffer.from(size, 'hex'));
    t.equal((await failure(top.lookup(frame, root, 'f'))).code, 'EIO', `${block} ${size}`);
  }
  node.xattrs.set(BLOCK_KEY, Buffer.from('0000000000400000', 'hex'));
  node.xattrs.set(SIZE_KEY, Buffer.from(`ffffffffffffffff${'00'.repeat(24)}`, 'hex'));
  t.equal((await top.lookup(frame, root, 'f')).iatt.size, 0);
});

t.test('the words of a call are answered beside the size', async t => {
  const { hand, top, root } = await client(t);
  await hand.file('f', 'text');
  const asked: Xdata = new Map([['glusterfs.content', 100]]);
  t.same((await top.lookup(frame, root, 'f', asked)).xdata, new Map([['glusterfs.content', Buffer.from('text')]]));
});
