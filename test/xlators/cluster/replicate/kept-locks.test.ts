/** The lock on all names of a directory, which is kept from one change to the next, and what it must not get in the way of. */
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import type { Inode } from '#src/graph/inode.ts';
import { type Replicated, replicas } from './bricks.ts';
import { settled } from './settled.ts';

const TICK_MS = 50;
/** What a brick counts when another one has missed the creation of `a`. */
const BLAME = ['/d/a: c-2=1,1,0', '/d: c-2=0,0,1'];
const OTHER = Buffer.from('another client');

/**
 * A volume with a directory `d`. Its timers run only when the test calls `ticks`. Its bricks do not tell that a client waits
 * for a lock, and neither do those of GlusterFS 10.
 */
async function volume(t: Test, options = '', stores?: string) {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const all = await replicas(t, options, 3, stores);
  const { top, table, root, frame, connections, calls } = all;
  for (const connection of connections) {
    const notify = connection.notify.bind(connection);
    connection.notify = (event: GraphEvent, from) => void (event.kind !== 'upcall' && notify(event, from));
  }
  const { iatt } = await top.mkdir(frame, root, 'd', { mode: 0o755 });
  const dir = table.link(iatt, root, 'd');
  const ticks = async (count: number) => {
    for (let i = 0; i < count; i++) {
      mock.timers.tick(TICK_MS);
      await settled(10);
    }
  };
  await settled(20);
  await ticks(10);
  calls();
  const create = (name: string, parent: Inode = dir) =>
    top.create(frame, parent, name, { mode: 'guarded', attr: { mode: 0o644 } });
  /** Two changes, after which the lock is kept. */
  const keep = async (parent: Inode = dir) => {
    for (const name of ['first', 'second']) {
      await create(name, parent);
      await settled(20);
    }
    calls();
  };
  return { ...all, dir, ticks, create, keep };
}

const other = (frame: Replicated['frame']) => ({ ...frame, lkOwner: OTHER });

/** Another client locks a name, on one brick after the other as one does that waits. */
async function locked({ bricks, frame, top }: Replicated, dir: Inode, name: string | undefined): Promise<void> {
  for (const brick of bricks) await brick.entrylk(other(frame), top.name, dir, name, 'write', true);
}

async function unlocked({ bricks, frame, top }: Replicated, dir: Inode, name: string | undefined): Promise<void> {
  for (const brick of bricks) await brick.entrylk(other(frame), top.name, dir, name, 'unlock', false);
}

/** No lock is left on any name: another client gets all of them. */
async function free(t: Test, volume: Replicated, dir: Inode): Promise<void> {
  await settled(30);
  const { bricks, frame, top } = volume;
  for (const brick of bricks) {
    await t.resolves(brick.entrylk(other(frame), top.name, dir, undefined, 'write', false));
    await brick.entrylk(other(frame), top.name, dir, undefined, 'unlock', false);
  }
}

t.test('changes that follow each other share a lock, which is given up when none follows', async t => {
  const all = await volume(t);
  const { create, calls, ticks, dir } = all;
  await create('a');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6');
  await create('b');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×3');
  await ticks(3);
  await create('c');
  await settled(20);
  t.equal(calls(), 'create×3 discover×3');
  await ticks(3);
  t.equal(calls(), 'discover×3');
  await ticks(1);
  t.equal(calls(), 'entrylk×3');
  await free(t, all, dir);
  await create('d');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6', 'a change after a pause locks its name only');
});

t.test('changes that come at the same time share it too', async t => {
  const { create, calls, contents } = await volume(t);
  await Promise.all(Array.from({ length: 20 }, (_, i) => create(`f${i}`)));
  await settled(20);
  t.equal(calls(), 'create×60 entrylk×9');
  const [first, second, third] = contents();
  t.strictSame(second, first);
  t.strictSame(third, first);
});

t.test('a client that waits has its turn at the next tick, and then names are locked one by one', async t => {
  const all = await volume(t);
  const { create, calls, ticks, keep, dir } = all;
  await keep();
  const waiting = locked(all, dir, 'theirs');
  await ticks(1);
  await waiting;
  t.equal(calls(), 'discover×1 entrylk×3');
  await create('a');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6', 'which do not wait for it');
  await unlocked(all, dir, 'theirs');
  await ticks(98);
  await create('b');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6', 'for five seconds');
  await ticks(2);
  await create('c');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×3');
});

t.test('changes under way end before the lock is given up, and those that come wait for that', async t => {
  const all = await volume(t);
  const { create, ticks, keep, dir, connections, calls } = all;
  await keep();
  const hanging = connections[1]!.fail({ fop: 'create', when: 'before', what: 'hang' });
  const made = create('a');
  const waiting = locked(all, dir, undefined);
  let isTheirs = false;
  void waiting.then(() => (isTheirs = true));
  await ticks(1);
  const next = create('b');
  await ticks(5);
  t.notOk(isTheirs);
  t.equal(calls(), 'create×3 discover×1');
  hanging.resume();
  await made;
  await waiting;
  await unlocked(all, dir, undefined);
  await next;
  await free(t, all, dir);
});

t.test('the lock is given up after a second, however many changes follow', async t => {
  const all = await volume(t);
  const { create, ticks, keep, calls, dir } = all;
  let now = Math.ceil(performance.now()); // sums of whole numbers are exact
  const clock = mock.method(performance, 'now', () => now);
  t.teardown(() => clock.mock.restore());
  await keep();
  for (let i = 0; i < 9; i++) {
    now += 100;
    await create(`a${i}`);
    await ticks(1);
  }
  t.equal(calls(), 'create×27 discover×9');
  now += 100;
  await create('b');
  await ticks(1);
  t.equal(calls(), 'create×3 entrylk×3');
  await free(t, all, dir);
  await create('c');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6', 'and is not kept again at once');
});

t.test('a lock that another client has is not waited for: names are locked one by one', async t => {
  const all = await volume(t);
  const { create, calls, ticks, dir } = all;
  await locked(all, dir, 'theirs');
  await create('a');
  await settled(20);
  calls();
  await create('b');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×9', 'after the lock on all was tried');
  await create('c');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6');
  const waits = create('theirs');
  await settled(20);
  await unlocked(all, dir, 'theirs');
  await waits;
  await ticks(1);
  await free(t, all, dir);
});

t.test('changes that lock their names go on when one of them meets another client', async t => {
  const all = await volume(t);
  const { create, dir } = all;
  await locked(all, dir, 'a');
  const waits = create('a');
  const others = [create('b'), create('c')];
  await Promise.all(others);
  await unlocked(all, dir, 'a');
  await waits;
  await free(t, all, dir);
});

t.test('changes of one name happen one after the other on all bricks', async t => {
  const all = await volume(t);
  const { top, frame, create, keep, dir, connections, contents } = all;
  await keep();
  const slow = connections[2]!.fail({ fop: 'create', when: 'before', what: 'hang' });
  const changes = [create('a'), top.unlink(frame, dir, 'a'), create('a'), top.rename(frame, dir, 'a', dir, 'b')];
  await settled(20);
  await t.resolves(create('other'), 'other names do not wait');
  slow.resume();
  await Promise.all(changes);
  await settled(20);
  const [first, second, third] = contents();
  t.ok('/d/b' in first!);
  t.notOk('/d/a' in first!);
  t.strictSame(second, first);
  t.strictSame(third, first);
});

t.test('a brick goes down: the lock is given up on the others, and the brick is blamed for what follows', async t => {
  const all = await volume(t);
  const { top, frame, create, keep, dir, connections, marks, calls, ticks } = all;
  await keep();
  connections[2]!.disconnect();
  await settled(20);
  t.equal(calls(), 'entrylk×2');
  await free(t, all, dir);
  connections[2]!.connect();
  await top.lookup(frame, dir, 'first');
  await create('a');
  await settled(20);
  t.strictSame(marks(), [[], [], []], 'nothing happened while it was away');
  await ticks(100);
  connections[2]!.disconnect();
  await create('b');
  await create('c');
  await settled(20);
  t.strictSame(marks()[0]!.sort(), ['/d/b: c-2=1,1,0', '/d/c: c-2=1,1,0', '/d: c-2=0,0,2']);
  connections[2]!.connect();
  await top.lookup(frame, dir, 'first');
  await create('d');
  await settled(20);
  calls();
  await create('e');
  await settled(20);
  t.match(calls(), /entrylk×6/, 'while the daemon has to heal the brick, no lock is kept');
});

t.test('a brick comes back while a change is under way: it is blamed, since it has dropped the lock', async t => {
  const all = await volume(t);
  const { create, keep, dir, connections, marks } = all;
  await keep();
  connections[2]!.fail({ fop: 'create', when: 'before', what: 'hang' });
  const made = create('a');
  await settled(5);
  connections[2]!.disconnect();
  connections[2]!.connect();
  await made;
  await settled(20);
  const [first, second, third] = marks();
  t.strictSame([first!.sort(), second!.sort(), third], [BLAME, BLAME, []]);
  await free(t, all, dir);
});

t.test('a brick goes down while the lock is taken: each name is locked', async t => {
  const all = await volume(t);
  const { create, dir, connections, marks } = all;
  await create('b');
  await settled(20);
  connections[2]!.fail({ fop: 'entrylk', when: 'after', what: 'down' });
  await create('a');
  await settled(20);
  t.strictSame(marks()[0]!.sort(), BLAME);
  await free(t, all, dir);
});

t.test('a rename from one directory to another locks both names itself', async t => {
  const all = await volume(t);
  const { top, frame, root, create, keep, dir, calls } = all;
  await keep();
  await keep(root);
  await top.rename(frame, dir, 'first', root, 'moved');
  await settled(20);
  t.equal(calls(), 'entrylk×18 lookup×1 rename×3', 'and the two locks that were kept are given up');
  await create('a');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6');
  await free(t, all, dir);
  await free(t, all, root);
});

t.test('many renames between directories, and other changes there, end', async t => {
  const all = await volume(t);
  const { top, frame, root, table, create, dir, ticks, contents } = all;
  const made = await top.mkdir(frame, root, 'e', { mode: 0o755 });
  const e = table.link(made.iatt, root, 'e');
  const names = Array.from({ length: 10 }, (_, i) => `f${i}`);
  const work = names.map(async (name, i) => {
    const [from, to] = i % 2 === 0 ? [dir, e] : [e, dir];
    await create(name, from);
    await top.rename(frame, from, name, to, name);
    await create(name, from);
    await top.rename(frame, to, name, to, `${name}-again`);
    await top.unlink(frame, from, name);
  });
  let isDone = false;
  const done = Promise.all(work).then(() => (isDone = true));
  while (!isDone) await ticks(1);
  await done;
  await ticks(10);
  const [first, second, third] = contents();
  t.strictSame(Object.keys(first!).filter(path => path.endsWith('-again')).length, 10);
  t.strictSame(second, first);
  t.strictSame(third, first);
  await free(t, all, dir);
  await free(t, all, e);
});

t.test('a directory whose lock is kept is removed, unless it has names', async t => {
  const all = await volume(t);
  const { top, frame, root, keep, dir } = all;
  await keep();
  await t.rejects(top.rmdir(frame, root, 'd'), { code: 'ENOTEMPTY' });
  await keep().catch(() => {});
  for (const name of ['first', 'second']) await top.unlink(frame, dir, name);
  await t.resolves(top.rmdir(frame, root, 'd'));
  await t.rejects(all.create('a'), { code: /ENOENT|ESTALE/ });
  await free(t, all, root);
});

t.test('a brick that does not say whether somebody waits: the lock is given up', async t => {
  const all = await volume(t);
  const { keep, ticks, calls, connections, dir } = all;
  await keep();
  connections[0]!.fail({ fop: 'discover', when: 'before', what: 'EIO' });
  await ticks(1);
  t.equal(calls(), 'discover×1 entrylk×3');
  await free(t, all, dir);
});

t.test('one question at a time, and a late answer concerns no other lock', async t => {
  const all = await volume(t);
  const { keep, create, ticks, calls, connections, dir } = all;
  await keep();
  const late = connections[0]!.fail({ fop: 'discover', when: 'before', what: 'hang' });
  await ticks(3);
  t.equal(calls(), 'discover×1');
  await ticks(1);
  t.equal(calls(), 'entrylk×3');
  await keep().catch(() => {});
  await create('a');
  await create('b');
  calls();
  late.resume();
  await settled(20);
  await create('c');
  await settled(20);
  t.equal(calls(), 'create×3');
  await ticks(5);
  await free(t, all, dir);
});

t.test('a lookup meanwhile of a name that is removed and made again finds one of the objects', async t => {
  const { top, frame, create, keep, dir, connections } = await volume(t);
  await keep();
  await create('f');
  const [second, third] = [1, 2].map(i => connections[i]!.fail({ fop: 'lookup', when: 'before', what: 'hang' }));
  const found = top.lookup(frame, dir, 'f');
  for (const late of [second!, third!]) {
    await top.unlink(frame, dir, 'f');
    await create('f');
    late.resume();
    await settled(20);
  }
  t.strictSame((await found).iatt.gfid, (await top.lookup(frame, dir, 'f')).iatt.gfid);
});

t.test('no lock is kept if eager-lock is off', async t => {
  const { keep, create, calls } = await volume(t, 'eager-lock=off');
  await keep();
  await create('a');
  await settled(20);
  t.equal(calls(), 'create×3 entrylk×6');
});

t.test('a brick that tells of it makes the lock be given up at once', async t => {
  const all = await volume(t);
  const { top, keep, dir, calls } = all;
  await keep();
  const waiting = locked(all, dir, 'theirs');
  top.notify({ kind: 'upcall', gfid: dir.gfid, about: 'contention' });
  await waiting;
  t.equal(calls(), 'entrylk×3');
});

t.test('the end of the layer gives the lock up, after the changes under way', async t => {
  const all = await volume(t);
  const { top, keep, create, dir, connections } = all;
  await keep();
  const hanging = connections[1]!.fail({ fop: 'create', when: 'before', what: 'hang' });
  const made = create('a');
  const ended = top.fini();
  await settled(20);
  hanging.resume();
  await Promise.all([made, ended]);
  await free(t, all, dir);
});

t.test('two clients of the same bricks work in one directory, and none starves', async t => {
  const [a, b] = [await volume(t, '', 'kept-1'), await replicas(t, '', 3, 'kept-1')];
  const dirOfB = b.table.link((await b.top.lookup(b.frame, b.root, 'd')).iatt, b.root, 'd');
  const done = { a: 0, b: 0 };
  let isOver = false;
  const work = async (who: 'a' | 'b', { top, frame }: Replicated, dir: Inode) => {
    while (!isOver) {
      const name = `${who}${done[who]++}`;
      await top.create(frame, dir, name, { mode: 'guarded', attr: { mode: 0o644 } });
      await top.rename(frame, dir, name, dir, `${name}-renamed`);
      await settled(2);
    }
  };
  const both = Promise.all([work('a', a, a.dir), work('b', b, dirOfB)]);
  for (let i = 0; i < 20; i++) {
    const before = { ...done };
    await a.ticks(3);
    if (done.a === before.a || done.b === before.b) t.fail(`one waits: ${JSON.stringify([before, done])}`);
  }
  isOver = true;
  await both;
  await a.ticks(10);
  const [first, second, third] = a.contents();
  t.equal(Object.keys(first!).filter(path => path.endsWith('-renamed')).length, done.a + done.b);
  t.strictSame(second, first);
  t.strictSame(third, first);
  await free(t, a, a.dir);
});
