/** What changes answer, and what they do, while one of the bricks still lacks what it missed: that brick is the one that is read first. */
import t, { type Test } from 'tap';
import { settled } from './settled.ts';
import { Stable, type Xdata } from '#src/graph/fops.ts';
import type { Inode } from '#src/graph/inode.ts';
import { type Replicated, replicas } from './bricks.ts';

const STALE = 2;
const COUNTER = 'trusted.test.count';
const count = (n: number) => {
  const value = Buffer.alloc(8);
  value.writeBigInt64BE(BigInt(n));
  return value;
};

/** A file of 10 bytes and mode 0600 whose counter is 5, but on a brick that was away it is empty, of mode 0644, without a counter. */
async function prepared(volume: Replicated): Promise<Inode> {
  const { top, table, root, frame, connections } = volume;
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = table.link(iatt, root, 'f');
  connections[STALE]!.disconnect();
  await top.writev(frame, file.fd, Buffer.alloc(10, 'x'), 0, Stable.FILE_SYNC);
  await top.setattr(frame, file, { mode: 0o600 });
  await top.xattrop(frame, file, 'add64', new Map([[COUNTER, count(5)]]));
  await settled(50);
  connections[STALE]!.connect();
  await settled(50);
  return file;
}

const volumeFor = (t: Test) => replicas(t, `post-op-delay-secs=0 read-subvolume=c-${STALE}`);

t.test('the sum of a counter is that of the bricks that have counted all', async t => {
  const volume = await volumeFor(t);
  const { top, frame } = volume;
  const file = await prepared(volume);
  const sums = await top.xattrop(frame, file, 'add64', new Map([[COUNTER, count(2)]]));
  t.strictSame(sums.get(COUNTER), count(7));
});

t.test('attributes after a change are those of the bricks that have the whole file', async t => {
  const volume = await volumeFor(t);
  const { top, frame } = volume;
  const file = await prepared(volume);
  const { after } = await top.writev(frame, file.fd, Buffer.from('y'), 0, Stable.FILE_SYNC);
  t.match(after, { size: 10, mode: 0o600 });
  t.match((await top.setattr(frame, file, { mtime: { sec: 1, nsec: 0 } })).after, { size: 10, mode: 0o600 });
  t.match((await top.fsync(frame, file.fd, false)).after, { size: 10, mode: 0o600 });
});

t.test('a file is read from the bricks that have all of it, also after it was linked', async t => {
  const volume = await volumeFor(t);
  const { top, table, frame, root } = volume;
  const file = await prepared(volume);
  const { iatt } = await top.link(frame, file, root, 'g');
  t.match(iatt, { size: 10, mode: 0o600 });
  const linked = table.link(iatt, root, 'g');
  t.equal((await top.readv(frame, linked.fd, 100, 0)).data.toString(), 'x'.repeat(10));
});

t.test('a file that was there already when it was to be made is read from the bricks that have all of it', async t => {
  const volume = await volumeFor(t);
  const { top, table, frame, root } = volume;
  await prepared(volume);
  const { iatt } = await top.create(frame, root, 'f', { mode: 'unchecked', attr: { mode: 0o600 } });
  const opened = table.link(iatt, root, 'f');
  t.equal((await top.readv(frame, opened.fd, 100, 0)).data.toString(), 'x'.repeat(10));
});

t.test('a brick that comes up while it is being blamed is not read', async t => {
  const volume = await volumeFor(t);
  const { top, table, frame, root, connections } = volume;
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = table.link(iatt, root, 'f');
  connections[STALE]!.disconnect();
  // The first mark is the pre-op, the second one blames.
  const blames = [0, 1].map(i => connections[i]!.fail({ fop: 'xattrop', nth: 2, when: 'before', what: 'hang' }));
  const set = top.setattr(frame, file, { mode: 0o600 });
  await Promise.all(blames.map(({ happened }) => happened));
  connections[STALE]!.connect();
  table.link((await top.lookup(frame, root, 'f')).iatt, root, 'f');
  t.equal((await top.stat(frame, file)).mode, 0o644, 'nothing is recorded yet');
  for (const { resume } of blames) resume();
  await set;
  t.equal((await top.stat(frame, file)).mode, 0o600);
});

/** The names that were put into the indices of what is to be healed, or taken out of them. */
const indexed = ({ connections }: Replicated) =>
  connections[0]!.calls.flatMap(({ fop, args: [, , , , xdata] }) =>
    fop === 'xattrop' && xdata !== undefined
      ? [...(xdata as Xdata)].map(([key, name]) => `${key} ${String(name)}`)
      : [],
  );

t.test('what has another name on a brick that is not healed is not renamed there', async t => {
  const volume = await volumeFor(t);
  const { top, frame, root, connections, contents, marks } = volume;
  for (const name of ['old', 'other'])
    await top.create(frame, root, name, { mode: 'guarded', attr: { mode: name === 'old' ? 0o600 : 0o644 } });
  connections[STALE]!.disconnect();
  await top.rename(frame, root, 'other', root, 'old');
  await settled(50);
  connections[STALE]!.connect();
  await settled(50);
  connections[0]!.calls.length = 0;
  await top.rename(frame, root, 'old', root, 'new');
  await settled(50);
  t.equal(contents()[0]!['/new']!.mode, 0o644);
  t.notOk('/new' in contents()[STALE]!, 'the daemon makes it');
  t.strictSame(indexed(volume).sort(), ['glusterfs.xattrop-entry-create new', 'glusterfs.xattrop-entry-create old']);
  t.strictSame(marks()[0], [`: c-${STALE}=0,0,4`], 'two names twice');
  // What it has as the others have it is renamed on all.
  await top.create(frame, root, 'more', { mode: 'guarded', attr: {} });
  await top.rename(frame, root, 'more', root, 'most');
  await settled(50);
  t.ok('/most' in contents()[STALE]!);
  t.strictSame(marks()[0], [`: c-${STALE}=0,0,4`]);
});

t.test('what has another name on an arbiter that is not healed is not renamed there', async t => {
  const { top, frame, root, connections, contents, marks } = await replicas(t, 'post-op-delay-secs=0 arbiter-count=1');
  for (const name of ['old', 'other']) await top.create(frame, root, name, { mode: 'guarded', attr: {} });
  await top.lookup(frame, root, 'old'); // All bricks say that there are no failures.
  connections[STALE]!.disconnect();
  await top.rename(frame, root, 'other', root, 'old');
  await settled(50);
  connections[STALE]!.connect();
  await settled(50);
  await top.rename(frame, root, 'old', root, 'new');
  await settled(50);
  t.ok('/new' in contents()[0]!);
  t.notOk('/new' in contents()[STALE]!, 'the daemon makes it');
  t.strictSame(marks()[0], [`: a-${STALE}=0,0,4`], 'two names twice');
});

t.test('a name that is to be healed stays in the index when a later change of it fails everywhere', async t => {
  const volume = await volumeFor(t);
  const { top, frame, root, connections } = volume;
  connections[STALE]!.disconnect();
  await top.create(frame, root, 'n', { mode: 'guarded', attr: {} });
  await t.rejects(top.mkdir(frame, root, 'n', {}), { code: 'EEXIST' });
  await settled(50);
  t.strictSame([...new Set(indexed(volume))], ['glusterfs.xattrop-entry-create n']);
});
