import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Gate } from '#src/graph/live/gate.ts';
import { Graph } from '#src/graph/graph.ts';
import { LiveGraph } from '#src/graph/live/reload.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { envOf, keptLog } from '../../support/graph.ts';

t.test('a gate', async t => {
  const gate = new Gate();
  t.ok(gate.enter());
  t.ok(gate.enter());
  gate.leave();
  t.equal(gate.inside, 1);
  let closed: number | undefined;
  const closing = gate.close(60_000).then(left => (closed = left));
  t.notOk(gate.enter(), 'closed for those who come');
  await turn();
  t.equal(closed, undefined, 'while one is inside');
  gate.leave();
  t.equal(await closing, 0);
  t.equal(await gate.close(60_000), 0);
  t.throws(() => gate.leave());
});

t.test('a gate does not wait for ever', async t => {
  const gate = new Gate();
  gate.enter();
  t.equal(await gate.close(5), 1);
});

function setup(t: Test, graceMs = 60_000) {
  const events: string[] = [];
  class Brick extends Xlator {
    static readonly children = [0, 0] as const;
    override async init() {
      if (this.name === 'bad') throw new Error('it is bad');
      events.push(`init ${this.name}`);
    }
    override async fini() {
      events.push(`fini ${this.name}`);
    }
    override notify(event: Parameters<Xlator['notify']>[0]) {
      events.push(`${event} ${this.name}`);
    }
  }
  const { log, lines } = keptLog();
  const source = (name: string) => ({
    text: `volume ${name}\n type test/brick\nend-volume`,
    file: `${name}.vol`,
    registry: { 'test/brick': async () => Brick },
  });
  const start = async (swap: (next: Graph) => void = next => void events.push(`swap to ${next.top.name}`)) => {
    const live = new LiveGraph(await Graph.load({ ...source('one'), env: envOf({ log }) }), { graceMs, swap });
    t.teardown(() => live.stop());
    return live;
  };
  return { events, source, start, lines };
}

t.test('the new one is ready before the swap, the old one goes when its calls are done', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const one = live.current;
  one.gate.enter();
  const reloaded = live.reload(source('two'));
  while (live.current === one) await turn();
  t.strictSame(events, ['init one', 'parent-up one', 'init two', 'swap to two', 'parent-up two']);
  t.notOk(one.gate.enter());
  t.ok(live.current.gate.enter());
  live.current.gate.leave();
  one.gate.leave();
  t.equal(await reloaded, live.current);
  t.equal(events.at(-1), 'fini one');
  await live[Symbol.asyncDispose]();
  t.equal(events.at(-1), 'fini two');
});

t.test('a bad one changes nothing and says why', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const one = live.current;
  events.length = 0;
  await t.rejects(live.reload(source('bad')), {
    message: 'bad.vol:1: volume "bad" (test/brick) cannot start: it is bad',
  });
  await t.rejects(live.reload({ ...source('two'), text: 'volume' }), { message: /^two\.vol:1: expected/ });
  t.strictSame(events, []);
  t.equal(live.current, one);
  t.ok(one.gate.enter());
  one.gate.leave();
});

t.test('when the swap fails the new one is taken down again', async t => {
  const { events, source, start } = setup(t);
  const live = await start(() => {
    throw new Error('the port is taken');
  });
  const one = live.current;
  await t.rejects(live.reload(source('two')), { message: 'the port is taken' });
  t.equal(live.current, one);
  t.strictSame(events.slice(2), ['init two', 'fini two']);
});

t.test('calls that hang do not keep the old one up for ever', async t => {
  const { events, source, start, lines } = setup(t, 5);
  const live = await start();
  live.current.gate.enter();
  await live.reload(source('two'));
  t.equal(events.at(-1), 'fini one');
  t.match(lines, [{ msg: '1 calls did not finish within 5 ms' }]);
});

t.test('reloads are made one after the other, and none after the stop', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const [two, three] = [live.reload(source('two')), live.reload(source('three'))];
  const stopped = live.stop();
  await t.rejects(live.reload(source('four')), /stopping/);
  await Promise.all([two, three, stopped]);
  t.strictSame(
    events.filter(event => !event.startsWith('parent-up')),
    ['init one', 'init two', 'swap to two', 'fini one', 'init three', 'swap to three', 'fini two', 'fini three'],
  );
});
