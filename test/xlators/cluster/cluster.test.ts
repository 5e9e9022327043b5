import { mock } from 'node:test';
import t, { type Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import type { Xlator } from '#src/graph/xlator.ts';
import { Cluster } from '#src/xlators/cluster/cluster.ts';
import { frame, graphOf, TEST_XLATORS } from '../../support/graph.ts';
import { Memory } from '../../support/memory/memory.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';

/** A layer that needs two of its children, and notes what is sent to it and by it. */
class Quorum extends Cluster {
  readonly changed: number[] = [];

  protected override enough(): boolean {
    return this.up.filter(is => is).length >= 2;
  }

  protected override childChanged(child: number): void {
    this.changed.push(child);
  }

  get states(): readonly boolean[] {
    return this.up;
  }

  discoverAt(children: readonly number[]) {
    return this.ask(children, (child, i) => {
      if (i === 2) throw new Error('the third fails before it is asked');
      return child.discover(frame, i === 1 ? Buffer.alloc(16, 9) : ROOT_GFID, undefined);
    });
  }
}

class Above extends Cluster {
  readonly heard: string[] = [];

  protected override enough(): boolean {
    return true;
  }

  override notify(event: GraphEvent, from?: Xlator): void {
    if (from !== undefined) this.heard.push(event.kind);
    super.notify(event, from);
  }
}

async function setup(t: Test, type: 'test/memory' | 'test/silent' = 'test/memory') {
  const bricks = ['a', 'b', 'c'].map(name => `volume ${name}\n type ${type}\nend-volume\n`).join('');
  const text = `${bricks}volume quorum
 type test/quorum
 subvolumes a b c
end-volume
volume above
 type test/above
 subvolumes quorum
end-volume
`;
  const registry = {
    ...TEST_XLATORS,
    'test/silent': async () => Silent,
    'test/quorum': async () => Quorum,
    'test/above': async () => Above,
  };
  const graph = await graphOf(t, text, { registry });
  const quorum = graph.xlators.get('quorum') as Quorum;
  const { heard } = graph.top as Above;
  const send = (name: string, kind: 'child-up' | 'child-down' | 'unstable-lost') =>
    graph.xlators.get(name)!.notify({ kind });
  return { quorum, heard, send };
}

t.test('it is up once, when enough children are', async t => {
  const { quorum, heard } = await setup(t);
  t.strictSame(quorum.changed, [0, 1, 2], 'the start');
  t.strictSame(quorum.states, [true, true, true]);
  t.strictSame(heard, ['child-up']);
});

/** A brick that says nothing of itself until the test does. */
class Silent extends Memory {
  override notify(event: GraphEvent, from?: Xlator): void {
    if (event.kind !== 'parent-up') super.notify(event, from);
  }
}

t.test('at the start each child is waited for until it has said how it is', async t => {
  const { heard, send } = await setup(t, 'test/silent');
  send('a', 'child-up');
  send('b', 'child-up');
  t.strictSame(heard, [], 'two are enough, but the third may come in a moment');
  send('c', 'child-down');
  t.strictSame(heard, ['child-up']);
});

t.test('it says so if too few children are up at the start', async t => {
  const { heard, send } = await setup(t, 'test/silent');
  send('a', 'child-down');
  send('b', 'child-up');
  t.strictSame(heard, []);
  send('c', 'child-down');
  t.strictSame(heard, ['child-down']);
});

t.test('a child that says nothing is not waited for any longer than 3 s', async t => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const { heard, send } = await setup(t, 'test/silent');
  send('a', 'child-up');
  send('b', 'child-up');
  mock.timers.tick(2999);
  t.strictSame(heard, []);
  mock.timers.tick(1);
  t.strictSame(heard, ['child-up']);
});

t.test('it goes down when too few are left, and comes up again', async t => {
  const { quorum, heard, send } = await setup(t);
  heard.length = 0;
  send('a', 'child-down');
  t.strictSame(heard, [], 'two are enough');
  send('a', 'child-down');
  t.strictSame(heard, [], 'the same child counts once');
  send('c', 'child-down');
  t.strictSame(heard, ['child-down']);
  send('b', 'child-down');
  t.strictSame(heard, ['child-down'], 'it is down already');
  t.strictSame(quorum.states, [false, false, false]);
  send('c', 'child-up');
  send('a', 'child-up');
  t.strictSame(heard, ['child-down', 'child-up']);
  t.strictSame(quorum.states, [true, false, true]);
});

t.test('other events pass up as they are', async t => {
  const { heard, send } = await setup(t);
  heard.length = 0;
  send('b', 'unstable-lost');
  t.strictSame(heard, ['unstable-lost']);
});

t.test('several children are asked, and each result stands by itself', async t => {
  const { quorum } = await setup(t);
  const results = await quorum.discoverAt([0, 1, 2]);
  t.match(results, [
    { status: 'fulfilled', value: { iatt: { gfid: ROOT_GFID } } },
    { status: 'rejected', reason: { code: 'ESTALE' } },
    { status: 'rejected', reason: { message: 'the third fails before it is asked' } },
  ]);
  t.equal((await quorum.discoverAt([0])).length, 1);
});

t.test('any child that is up tells which volume it is', async t => {
  const { quorum, send } = await setup(t);
  const [a, b] = await Promise.all(quorum.children.map(child => child.volumeId()));
  t.strictSame(await quorum.volumeId(), a);
  send('a', 'child-down');
  t.strictSame(await quorum.volumeId(), b);
  send('b', 'child-down');
  send('c', 'child-down');
  await t.rejects(quorum.volumeId(), { code: 'ENOTCONN' });
});
