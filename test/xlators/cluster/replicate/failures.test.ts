/** Replicas of which some fail: nothing is read from one that lacks something, and no lock and no alarm is left behind. */
import t, { type Test } from 'tap';
import { settled } from './settled.ts';
import { type Flock, Stable } from '#src/graph/fops.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import { FileType } from '#src/graph/iatt.ts';
import { Inode } from '#src/graph/inode.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { replicas } from './bricks.ts';

/** Waits until everything that could end has ended. */
/** Three replicas with a file. */
async function volume(t: Test, options = '') {
  const all = await replicas(t, options);
  const { top, root, frame } = all;
  const events: GraphEvent['kind'][] = [];
  top.parents.push({ notify: ({ kind }: GraphEvent) => void events.push(kind) } as Xlator);
  const { iatt } = await top.create(frame, root, 'f', { mode: 'guarded', attr: { mode: 0o644 } });
  const file = new Inode(iatt.gfid, FileType.REG);
  const write = (text: string, stable = Stable.UNSTABLE, offset = 0) =>
    top.writev(frame, file.fd, Buffer.from(text), offset, stable);
  const read = async () => (await top.readv(frame, file.fd, 100, 0)).data.toString();
  const release = async () => {
    top.notify({ kind: 'upcall', gfid: file.gfid, about: 'contention' });
    await settled(30);
  };
  const blame = (by: readonly number[], child: number) => {
    const counts = Buffer.alloc(12);
    counts.writeInt32BE(1);
    const change = new Map([[`trusted.afr.c-${child}`, counts]]);
    return Promise.all(by.map(i => all.bricks[i]!.xattrop(frame, file, 'add32', change)));
  };
  await settled(30);
  return { ...all, file, events, write, read, release, blame };
}

t.test('a file is removed while writes to it are not durable: no other file is written again for that', async t => {
  const { top, root, frame, events, write, release } = await volume(t);
  await write('data');
  await top.unlink(frame, root, 'f');
  await release();
  t.notOk(events.includes('unstable-lost'));
});

t.test('a lookup that only a stale brick has answered', async t => {
  const { top, root, frame, file, connections, write, release } = await volume(t);
  connections[0]!.disconnect();
  await write('longer');
  await release();
  connections[0]!.connect();
  await settled(30);
  for (const one of connections.slice(1)) one.fail({ fop: 'lookup', when: 'before', what: 'ENOTCONN' });
  await t.rejects(top.lookup(frame, root, 'f'), { code: 'ENOTCONN' });
  for (const one of connections.slice(1)) one.fail({ fop: 'discover', when: 'before', what: 'ENOTCONN' });
  await t.rejects(top.discover(frame, file.gfid, undefined), { code: 'ENOTCONN' });
});

t.test('a lock is given up on the bricks that are left', async t => {
  const { top, root, frame, connections, bricks, file } = await volume(t);
  const owner = { ...frame, lkOwner: Buffer.from('12345678') };
  const other = { ...frame, lkOwner: Buffer.from('87654321') };
  const range = { start: 0n, length: 0n } as const;
  const lock: Flock = { type: 'write', ...range };
  await top.inodelk(owner, 'd', file, lock, false);
  await top.entrylk(owner, 'd', root, 'n', 'write', false);
  await top.lk(owner, file.fd, 'set', lock);
  for (const one of connections.slice(1)) one.disconnect();
  await top.inodelk(owner, 'd', file, { type: 'unlock', ...range }, false).catch(() => {});
  await top.entrylk(owner, 'd', root, 'n', 'unlock', false).catch(() => {});
  await top.lk(owner, file.fd, 'set', { type: 'unlock', ...range }).catch(() => {});
  await t.resolves(bricks[0]!.inodelk(other, 'd', file, lock, false));
  await t.resolves(bricks[0]!.entrylk(other, 'd', root, 'n', 'write', false));
  await t.resolves(bricks[0]!.lk(other, file.fd, 'set', lock));
});

t.test('what was learnt while a blame was on its way does not hold', async t => {
  const { top, frame, connections, file, write, read } = await volume(t, 'read-subvolume=c-2');
  await write('old');
  const blames = connections.slice(0, 2).map(one => one.fail({ fop: 'xattrop', when: 'before', what: 'hang' }));
  connections[2]!.fail({ fop: 'writev', when: 'before', what: 'down' });
  const written = write('new');
  await settled(30);
  connections[2]!.connect();
  await settled(30);
  await top.discover(frame, file.gfid, undefined);
  t.equal(await read(), 'old');
  for (const one of blames) one.resume();
  await written;
  t.equal(await read(), 'new');
});

t.test('a brick that comes up again without having gone down has dropped its locks', async t => {
  const { top, connections, write, marks, release } = await volume(t);
  await write('data');
  top.notify({ kind: 'child-up' }, connections[2]!);
  await release();
  t.match(marks()[0], ['/f: c-2=1,0,0']);
});

t.test('all bricks have failing disks: the error says so', async t => {
  const { connections, write } = await volume(t);
  for (const one of connections) one.fail({ fop: 'writev', when: 'before', what: 'EIO' });
  await t.rejects(write('data'), { code: 'EIO' });
});

t.test('a write that ends after the transaction has broken is not answered as done', async t => {
  const { connections, write, events } = await volume(t);
  await write('first');
  const plans = connections.map(one =>
    one.fail({ fop: 'writev', of: (_frame, _fd, _data, offset) => offset === 100, when: 'after', what: 'hang' }),
  );
  const slow = write('second', Stable.UNSTABLE, 100);
  for (const one of connections.slice(1)) one.fail({ fop: 'writev', nth: 1, when: 'before', what: 'EIO' });
  await t.rejects(write('third', Stable.UNSTABLE, 200));
  for (const one of plans) one.resume();
  await t.rejects(slow, { code: 'ENOTCONN' });
  t.ok(events.includes('unstable-lost'));
});

t.test('another client records that a brick lacks something: it is not read after the next lookup', async t => {
  const { top, root, frame, file, bricks, blame, write, read, release } = await volume(t, 'read-subvolume=c-2');
  await write('good');
  await release();
  await top.lookup(frame, root, 'f');
  await bricks[2]!.writev(frame, file.fd, Buffer.from('lack'), 0, Stable.UNSTABLE);
  t.equal(await read(), 'lack', 'the brick that is read');
  await blame([0, 1], 2);
  await top.lookup(frame, root, '.');
  t.equal(await read(), 'good');
});

t.test('the only brick that lacks nothing goes away: it is not blamed by those that do', async t => {
  const { connections, write, read, blame, release, marks, events } = await volume(t);
  await blame([0, 1], 2);
  await blame([1, 2], 0);
  await write('data');
  connections[1]!.disconnect();
  await release();
  t.notOk(
    marks()
      .flat()
      .some(mark => mark.includes('c-1=')),
  );
  t.ok(events.includes('unstable-lost'));
  connections[1]!.connect();
  t.equal(await read(), 'data');
});
