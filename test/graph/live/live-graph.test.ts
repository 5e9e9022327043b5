import { setTimeout as sleep } from 'node:timers/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { Gate } from '#src/graph/live/gate.ts';
import { Graph } from '#src/graph/graph.ts';
import { LiveGraph } from '#src/graph/live/live-graph.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import { atStart, integer, live } from '#src/graph/options.ts';
import { Xlator, type XlatorSettings } from '#src/graph/xlator.ts';
import { envOf, keptLog } from '../../support/graph.ts';

t.test('a gate closes once all calls have left', async t => {
  const gate = new Gate();
  t.ok(gate.enter());
  t.ok(gate.enter());
  gate.leave();
  t.equal(gate.inside, 1);
  let closed: number | undefined;
  const closing = gate.close(60_000).then(left => (closed = left));
  t.notOk(gate.enter(), 'closed for new calls');
  await turn();
  t.equal(closed, undefined, 'not closed while a call is inside');
  gate.leave();
  t.equal(await closing, 0);
  t.equal(await gate.close(60_000), 0);
  t.throws(() => gate.leave());
});

t.test('a gate does not wait forever', async t => {
  const gate = new Gate();
  gate.enter();
  t.equal(await gate.close(5), 1);
});

function setup(t: Test, { graceMs = 60_000, upMs = 60_000 } = {}) {
  const events: string[] = [];
  /** Bricks with these names are never ready. */
  const silent = new Set<string>();
  const options = {
    level: live(integer({ default: 1, min: 1, max: 9 }, 'A live option.')),
    size: integer({ default: 1, min: 1, max: 9 }, 'Another option.'),
    port: atStart(integer({ default: 1, min: 1, max: 9 }, 'An option that is read at the start.')),
  };
  class Brick extends Xlator<typeof options> {
    static readonly options = options;
    static readonly children = [0, 0] as const;
    get level() {
      return this.options.level;
    }
    get port() {
      return this.options.port;
    }
    override reconfigure(settings: XlatorSettings<typeof options>) {
      if (settings.options.level === 9) throw new Error('9 is too much');
      return super.reconfigure(settings);
    }
    override async init() {
      if (this.name === 'bad') throw new Error('it is bad');
      events.push(`init ${this.name}`);
    }
    override async fini() {
      events.push(`fini ${this.name}`);
    }
    override notify(event: GraphEvent) {
      events.push(`${event.kind} ${this.name}`);
    }
    override async ready() {
      if (silent.has(this.name)) return new Promise<void>(() => {});
      await turn();
      events.push(`ready ${this.name}`);
    }
  }
  const { log, lines } = keptLog();
  const source = (name: string, more = '') => ({
    text: `volume ${name}\n type test/brick\n${more}\nend-volume`,
    file: `${name}.vol`,
    registry: { 'test/brick': async () => Brick },
  });
  const start = async () => {
    const live = new LiveGraph(await Graph.load({ ...source('one'), env: envOf({ log }) }), { graceMs, upMs });
    t.teardown(() => live.stop());
    await turn();
    events.length = 0;
    return live;
  };
  const levelOf = ({ current }: LiveGraph) => (current.top as Brick).level;
  const portOf = ({ current }: LiveGraph) => (current.top as Brick).port;
  return { events, silent, source, start, lines, levelOf, portOf };
}

t.test('the new graph is up before it takes over, and the old one stops when its calls are done', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const one = live.current;
  one.gate.enter();
  const next = await live.prepare(source('two'));
  t.strictSame(events, ['init two', 'parent-up two', 'ready two']);
  t.equal(live.current, one, 'it has not taken over yet');
  const replaced = next.commit();
  t.equal(live.current, next.graph, 'it takes over at once');
  t.notOk(one.gate.enter());
  t.ok(live.current.gate.enter());
  live.current.gate.leave();
  await turn();
  t.equal(events.at(-1), 'ready two', 'the old graph waits for its call');
  one.gate.leave();
  await replaced;
  t.equal(events.at(-1), 'fini one');
  await live[Symbol.asyncDispose]();
  t.equal(events.at(-1), 'fini two');
});

t.test('a graph that was replaced stays in memory only if it is used, and keeps no other one there', async t => {
  const { source, start } = setup(t);
  const live = await start();
  const first = live.current;
  const replace = async (name: string) => {
    const next = await live.prepare(source(name));
    await next.commit();
    return new WeakRef(next.graph);
  };
  const replaced = [];
  for (const name of ['two', 'three', 'four']) replaced.push(await replace(name));
  await turn();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  t.strictSame(
    replaced.map(graph => graph.deref()?.top.name),
    [undefined, undefined, 'four'],
  );
  t.equal(first.top.name, 'one');
});

t.test('a graph that does not come up takes over after upMs', async t => {
  const { events, silent, source, start } = setup(t, { upMs: 5 });
  silent.add('two');
  const live = await start();
  const next = await live.prepare(source('two'));
  t.strictSame(events, ['init two', 'parent-up two']);
  await next.commit();
  t.equal(live.current, next.graph);
});

t.test('a graph that cannot start changes nothing and gives the reason', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const one = live.current;
  await t.rejects(live.prepare(source('bad')), {
    message: 'bad.vol:1: volume "bad" (test/brick) cannot start: it is bad',
  });
  await t.rejects(live.prepare({ ...source('two'), text: 'volume' }), { message: /^two\.vol:1: expected/ });
  t.strictSame(events, []);
  t.equal(live.current, one);
  t.ok(one.gate.enter());
  one.gate.leave();
});

t.test('a prepared graph that is dropped is taken down, and the current one stays', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const one = live.current;
  const next = await live.prepare(source('two'));
  await next.drop();
  t.equal(live.current, one);
  t.strictSame(events, ['init two', 'parent-up two', 'ready two', 'fini two']);
  t.ok(one.gate.enter());
  one.gate.leave();
});

t.test('calls that hang do not keep the old graph up forever', async t => {
  const { events, source, start, lines } = setup(t, { graceMs: 5 });
  const live = await start();
  live.current.gate.enter();
  await (await live.prepare(source('two'))).commit();
  t.equal(events.at(-1), 'fini one');
  t.match(lines, [{ msg: '1 calls did not finish within 5 ms' }]);
});

t.test('reloads are made one after the other', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const [two, three] = [live.prepare(source('two')), live.prepare(source('three'))];
  const next = await two;
  await turn();
  t.equal(events.at(-1), 'ready two', 'the third waits until the second has taken over');
  await next.commit();
  await (await three).commit();
  t.strictSame(
    events.filter(event => /^(init|fini)/.test(event)),
    ['init two', 'fini one', 'init three', 'fini two'],
  );
});

t.test('a stop drops a prepared graph, and no graph is prepared after it', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  await live.prepare(source('two'));
  const waiting = live.prepare(source('three'));
  const stopped = live.stop();
  await t.rejects(waiting, /stopping/);
  await t.rejects(live.prepare(source('four')), /stopping/);
  await stopped;
  t.strictSame(events, ['init two', 'parent-up two', 'ready two', 'fini two', 'fini one']);
});

t.test('a stop takes down a graph that is coming up', async t => {
  const { events, source, start } = setup(t);
  const live = await start();
  const coming = live.prepare(source('two'));
  while (!events.includes('parent-up two')) await turn();
  const stopped = live.stop();
  await t.rejects(coming, /stopping/);
  await stopped;
  t.strictSame(events.slice(-2), ['fini two', 'fini one']);
});

t.test('a live option changes in the graph that runs, when the reload is committed', async t => {
  const { events, source, start, levelOf } = setup(t);
  const live = await start();
  const one = live.current;
  one.gate.enter();
  const next = await live.prepare(source('one', 'option level 2'));
  t.equal(next.graph, one);
  t.equal(levelOf(live), 1);
  await next.commit();
  t.equal(levelOf(live), 2);
  t.equal(live.current, one);
  t.ok(one.gate.enter(), 'its gate stays open');
  t.strictSame(events, []);
  const dropped = await live.prepare(source('one', 'option level 3'));
  await dropped.drop();
  t.equal(levelOf(live), 2);
  one.gate.leave();
  one.gate.leave();
});

t.test('an option that is read at the start keeps its value in whatever graph comes after', async t => {
  const { source, start, levelOf, portOf } = setup(t);
  const live = await start();
  for (const [level, size] of [
    [2, 1],
    [3, 2],
    [4, 2],
  ]) {
    const more = `option level ${level}\n option size ${size}\n option port 5`;
    await (await live.prepare(source('one', more))).commit();
    t.equal(levelOf(live), level);
    t.equal(portOf(live), 1);
  }
});

t.test('a live value that an xlator refuses changes nothing', async t => {
  const { source, start, levelOf } = setup(t);
  const live = await start();
  await t.rejects(live.prepare(source('one', 'option level 9')), { message: /^one\.vol:1: .*9 is too much/ });
  t.equal(levelOf(live), 1);
  await (await live.prepare(source('one', 'option level 3'))).commit();
  t.equal(levelOf(live), 3, 'the next reload is not kept waiting');
});

t.test('a change of another option as well wants a new graph', async t => {
  const { events, source, start, levelOf } = setup(t);
  const live = await start();
  await (await live.prepare(source('one', 'option level 2\n option size 2'))).commit();
  t.equal(levelOf(live), 2);
  t.strictSame(events, ['init one', 'parent-up one', 'ready one', 'fini one']);
});

t.test('a stop ends at whatever moment of a reload it is asked for', async t => {
  for (let ticks = 0; ticks < 40; ticks++) {
    const { events, source, start } = setup(t);
    const live = await start();
    const ready = Promise.withResolvers<void>();
    events.push = event => (event === 'ready two' && ready.resolve(), 0);
    void live.prepare(source('two')).catch(() => {});
    await ready.promise;
    for (let i = 0; i < ticks; i++) await Promise.resolve();
    const stopped = live.stop().then(() => 'stopped');
    // One moment after the other.
    t.equal(await Promise.race([stopped, sleep(1000, 'waits for ever')]), 'stopped', `${ticks} ticks`);
  }
});
