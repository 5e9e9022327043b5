import t from 'tap';
import { FsError } from '#src/errno.ts';
import { Graph } from '#src/graph/graph.ts';
import { bool, integer } from '#src/graph/options.ts';
import { planGraph, printPlan } from '#src/graph/plan.ts';
import type { Registry } from '#src/graph/registry.ts';
import { forgetOf, releaseOf, subtree } from '#src/graph/subtree.ts';
import { parseVolfile } from '#src/volfile/volfile.ts';
import { newHangingMemory, newStageMemory } from '#src/graph/live/brick-watch.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { Fd, Inode } from '#src/graph/inode.ts';
import { envOf, frame, graphOf, keptLog, stackOf, TEST_XLATORS } from '../support/graph.ts';
import { gfidOf } from '../support/iatt.ts';

/** An xlator type that records what happens to it. */
function recorder() {
  const events: string[] = [];
  const options = {
    'fail-init': bool({ default: false }, ''),
    'fail-new': bool({ default: false }, ''),
    'fail-fini': bool({ default: false }, ''),
    number: integer({ default: 5, min: 1, max: 10 }, ''),
  };
  class Layer extends Xlator<typeof options> {
    static readonly options = options;
    static readonly children: readonly [number, number] = [1, 3];

    constructor(config: ConstructorParameters<typeof Xlator<typeof options>>[0]) {
      super(config);
      events.push(`new ${this.name} ${this.slot} ${this.options.number}`);
      if (this.options['fail-new']) throw new Error('no memory');
    }

    override async init() {
      await Promise.resolve();
      if (this.options['fail-init']) throw new FsError('ENOENT', 'ENOENT: /srv is not there');
      events.push(`init ${this.name}`);
    }

    override async fini() {
      await Promise.resolve();
      events.push(`fini ${this.name}`);
      if (this.options['fail-fini']) throw new Error('stuck');
    }

    override notify(event: GraphEvent, from?: Xlator) {
      events.push(`${event.kind} ${this.name}${from ? ` from ${from.name}` : ''}`);
      super.notify(event, from);
    }
  }
  class Leaf extends Layer {
    static override readonly children = [0, 0] as const;
  }
  const registry: Registry = { 'test/layer': async () => Layer, 'test/leaf': async () => Leaf };
  return { events, registry };
}

const diamond = `
volume brick
  type test/leaf
end-volume
volume left
  type test/layer
  subvolumes brick
end-volume
volume right
  type test/layer
  subvolumes brick
end-volume
volume top
  type test/layer
  option number 7
  subvolumes left right
end-volume
`;

t.test('a graph is made and started from the bottom up, and taken down from the top', async t => {
  const { events, registry } = recorder();
  const graph = await graphOf(t, diamond, { registry });
  t.equal(graph.top.name, 'top');
  t.strictSame([...graph.xlators.keys()], ['brick', 'left', 'right', 'top']);
  t.strictSame(graph.xlators.get('brick')!.parents, [graph.xlators.get('left'), graph.xlators.get('right')]);
  await graph.stop();
  await graph[Symbol.asyncDispose]();
  t.strictSame(events, [
    'new brick 0 5',
    'new left 1 5',
    'new right 2 5',
    'new top 3 7',
    'init brick',
    'init left',
    'init right',
    'init top',
    'parent-up top',
    'parent-up left from top',
    'parent-up brick from left',
    'child-up brick',
    'child-up left from brick',
    'child-up top from left',
    'child-up right from brick',
    'child-up top from right',
    'parent-up right from top',
    'parent-up brick from right',
    'fini top',
    'fini right',
    'fini left',
    'fini brick',
  ]);
});

t.test('child-down is passed up', async t => {
  const { events, registry } = recorder();
  const graph = await graphOf(t, diamond, { registry });
  events.length = 0;
  graph.xlators.get('left')!.notify({ kind: 'child-down' }, graph.xlators.get('brick'));
  t.strictSame(events, ['child-down left from brick', 'child-down top from left']);
});

t.test('if an xlator cannot start, those below it are taken down', async t => {
  const { events, registry } = recorder();
  const overrides = ['right.fail-init=on'];
  const promise = Graph.load({ text: diamond, file: 'd.vol', registry, overrides, env: envOf() });
  await t.rejects(promise, {
    name: 'VolfileError',
    message: 'd.vol:9: volume "right" (test/layer) cannot start: ENOENT: /srv is not there',
    cause: { code: 'ENOENT' },
  });
  t.strictSame(events.slice(4), ['init brick', 'init left', 'fini left', 'fini brick']);
});

t.test('if an xlator cannot be made, nothing is started', async t => {
  const { events, registry } = recorder();
  const promise = Graph.load({ text: diamond, file: 'd.vol', registry, overrides: ['top.fail-new=1'], env: envOf() });
  await t.rejects(promise, { message: 'd.vol:13: volume "top" (test/layer) cannot start: no memory' });
  t.equal(events.length, 4);
});

t.test('an xlator that does not stop cleanly does not keep the others up', async t => {
  const { events, registry } = recorder();
  const { log, lines } = keptLog();
  const graph = await graphOf(t, diamond, { registry, overrides: ['*.fail-fini=on'], env: envOf({ log }) });
  events.length = 0;
  await graph.stop();
  t.strictSame(events, ['fini top', 'fini right', 'fini left', 'fini brick']);
  t.equal(lines.length, 4);
  t.match(lines[0], { level: 50, msg: 'volume "top" did not stop cleanly', err: { message: 'stuck' } });
});

t.test('unknown options and unused volumes are reported, and not refused', async t => {
  const { log, lines } = keptLog();
  const text = `
volume spare
  type test/memory
end-volume
volume brick
  type test/memory
  option flies a,b
end-volume
volume top
  type debug/trace
  subvolumes brick
end-volume`;
  const { plan } = await graphOf(t, text, { env: envOf({ log }) });
  const warnings = [
    'test.vol:7: volume "brick": test/memory has no option "flies" (did you mean "files"?); it is ignored',
    'test.vol:2: volume "spare" is not used: it is neither the top ("top") nor a subvolume',
  ];
  t.strictSame(plan.warnings, warnings);
  t.strictSame(
    lines.map(line => [line.level, line.msg]),
    warnings.map(warning => [40, warning]),
  );
});

t.test('a plan prints as the volfile with the overrides in it', async t => {
  const { registry } = recorder();
  const overrides = ['top.number=9', 'l*t.number=3', 'bric?.fail-fini=off'];
  const plan = await planGraph({ text: diamond, file: 'd.vol', registry, overrides });
  t.equal(
    printPlan(plan),
    `volume brick
    type test/leaf
    option fail-fini off
end-volume

volume left
    type test/layer
    option number 3
    subvolumes brick
end-volume

volume right
    type test/layer
    subvolumes brick
end-volume

volume top
    type test/layer
    option number 9
    subvolumes left right
end-volume
`,
  );
  t.equal(parseVolfile(printPlan(plan), 'again').length, 4);
});

t.test('an override may name a volume and an option with dots in their names', async t => {
  class Dotted extends Xlator {
    static readonly children = [0, 0] as const;
    static readonly options = { 'a.b': integer({ default: 0, min: 0, max: 9 }, '') };
  }
  const registry = { 'test/dotted': async () => Dotted };
  const text = 'volume my.data\n type test/dotted\nend-volume';
  const { volumes } = await planGraph({ text, file: 'f', registry, overrides: ['my.data.a.b=5'] });
  t.strictSame(volumes[0]!.read.values, { 'a.b': 5 });
  t.strictSame([...volumes[0]!.read.origins], [['a.b', '--xlator-option my.data.a.b=5']]);
});

t.test('a volume is read-only if a layer of its own makes it so, or if all of its children are', async t => {
  class Frozen extends Xlator {
    static readonly options = { thaw: bool({ default: false }, '') };
    static readonly readOnly = ({ thaw }: { thaw: boolean }) => !thaw;
  }
  const registry = { ...recorder().registry, 'test/frozen': async () => Frozen };
  const frozen = (name: string) => `volume ${name}\n type test/frozen\n subvolumes brick\nend-volume\n`;
  const text = [
    'volume brick\n type test/leaf\nend-volume\n',
    frozen('a'),
    frozen('b'),
    'volume some\n type test/layer\n subvolumes a brick\nend-volume\n',
    'volume all\n type test/layer\n subvolumes a b\nend-volume\n',
    'volume top\n type test/layer\n subvolumes all some\nend-volume\n',
  ].join('');
  const of = async (overrides: string[]) => {
    const graph = await graphOf(t, text, { registry, overrides });
    const planned = graph.plan.volumes.map(({ stanza, readOnlyBy }) => [stanza.name, readOnlyBy?.name]);
    t.strictSame(
      [...graph.xlators].map(([name, { readOnlyBy }]) => [name, readOnlyBy?.name]),
      planned,
    );
    return planned.flatMap(([name, by]) => (by === undefined ? [] : [`${name} by ${by}`]));
  };
  t.strictSame(await of([]), ['a by a', 'b by b', 'all by a']);
  t.strictSame(await of(['b.thaw=on']), ['a by a']);
  t.match((await graphOf(t, text, { registry })).xlators.get('all')!.readOnlyBy, {
    name: 'a',
    type: 'test/frozen',
    where: 'test.vol:4',
  });
});

const brick = 'volume brick\n type test/memory\nend-volume\n';
const bad: [string, string, string[], string | RegExp][] = [
  [
    'an unknown type',
    'volume a\n type storage/posxi\nend-volume',
    [],
    /^f:2: expected a type that is known \(cluster\/disperse, .*, or file:PATH\), found "storage\/posxi" \(did you mean "storage\/posix"\?\)$/,
  ],
  ['a type that resembles no other', 'volume a\n type constructor\nend-volume', [], /^f:2: .* found "constructor"$/],
  [
    'a layer without a child',
    'volume a\n\n type debug/trace\nend-volume',
    [],
    'f:1: expected 1 subvolume for debug/trace in volume "a", found none',
  ],
  [
    'two children of a layer that takes one',
    `${brick}volume b\n type test/memory\nend-volume\nvolume a\n type debug/trace\n subvolumes brick\n  b\nend-volume`,
    [],
    'f:10: expected 1 subvolume for debug/trace in volume "a", found 2',
  ],
  [
    'a child of a leaf',
    `${brick}volume a\n type test/memory\n subvolumes brick\nend-volume`,
    [],
    'f:6: expected no subvolumes for test/memory in volume "a", found 1',
  ],
  [
    'an option out of range',
    `${brick}volume a\n type debug/delay-gen\n option delay-percentage 200\n subvolumes brick\nend-volume`,
    [],
    'f:6: expected a percentage from 0 to 100, such as 5, 0.1 or 50% for option delay-percentage, found "200"',
  ],
  [
    'an override out of range',
    `${brick}volume a\n type debug/delay-gen\n subvolumes brick\nend-volume`,
    ['a.delay-percentage=x'],
    '--xlator-option a.delay-percentage=x: expected a percentage from 0 to 100, such as 5, 0.1 or 50% for option delay-percentage, found "x"',
  ],
  [
    'an override without a value',
    brick,
    ['brick.files'],
    '--xlator-option brick.files: expected NAME.OPTION=VALUE, NAME being a volume of the volfile, found "brick.files"',
  ],
  [
    'an override without a volume',
    brick,
    ['files=a.b'],
    '--xlator-option files=a.b: expected NAME.OPTION=VALUE, NAME being a volume of the volfile, found "files=a.b"',
  ],
  [
    'an override of a missing volume',
    brick,
    ['brik.files=a'],
    '--xlator-option brik.files=a: expected a volume of the volfile (brick), found "brik.files"',
  ],
];

for (const [name, text, overrides, message] of bad) {
  t.test(`refused: ${name}`, async t => {
    const source = { text, file: 'f', registry: TEST_XLATORS, overrides };
    await t.rejects(planGraph(source), { name: 'VolfileError', message });
  });
}

t.test('a fop that an xlator does not override goes to the child, whose promise is returned', async t => {
  const graph = await graphOf(t, stackOf('debug/trace exclude-ops=lookup', 'test/memory files=a'));
  const inode = new Inode(gfidOf(1), 2);
  t.match(await graph.top.lookup(frame, inode, 'a'), { iatt: { type: 1 } });
});

t.test('a leaf refuses a fop that it lacks with a rejected promise', async t => {
  const { registry } = recorder();
  const graph = await graphOf(t, 'volume leaf\n type test/leaf\nend-volume', { registry });
  const reply = graph.top.stat(frame, new Inode(gfidOf(1), 2));
  await t.rejects(reply, { code: 'EOPNOTSUPP', message: 'test/leaf implements no stat and has no child' });
});

t.test('subtree lists each xlator once, parents first, and forget and release reach each xlator once', async t => {
  const forgotten: string[] = [];
  const released: string[] = [];
  class Holder extends Xlator {
    static readonly children: readonly [number, number] = [0, 2];
    override forget() {
      forgotten.push(this.name);
    }
    override release() {
      released.push(this.name);
    }
  }
  const registry = { ...recorder().registry, 'test/leaf': async () => Holder };
  const graph = await graphOf(t, diamond, { registry });
  t.strictSame(
    subtree(graph.top).map(({ name }) => name),
    ['top', 'right', 'left', 'brick'],
  );
  forgetOf(graph.top)(new Inode(gfidOf(7), 1));
  t.strictSame(forgotten, ['brick']);
  releaseOf(graph.top)(new Fd(new Inode(gfidOf(7), 1), 0));
  t.strictSame(released, ['brick']);
});

t.test(
  'a brick that hung and then cannot be initialised is retried from time to time until the graph stops',
  async t => {
    const tries: number[] = [];
    const third = Promise.withResolvers<void>();
    class Brick extends Xlator<{}> {
      static readonly options = {};
      static readonly children: readonly [number, number] = [0, 0];

      override async init() {
        await new Promise(resolve => setImmediate(resolve)); // Reading a disk takes time as well.
        if (tries.push(performance.now()) === 3) third.resolve();
        throw new FsError('EIO');
      }
    }
    const watch = { stage: newStageMemory(), hanging: newHangingMemory(), bricks: new Map([['brick', 0]]) };
    const hanging = new Int32Array(watch.hanging);
    hanging[0] = 1;
    const registry: Registry = { 'test/brick': async () => Brick };
    const source = { text: 'volume brick\n  type test/brick\nend-volume\n', file: 'test.vol', registry };
    const graph = await Graph.prepare(await planGraph(source), envOf({ watch }));
    t.teardown(() => graph.stop());
    void graph.up();
    t.equal(tries.length, 0, 'not retried while it hangs');
    hanging[0] = 0;
    const running = setTimeout(() => {}, 60_000); // The graph's own timer does not keep the process alive.
    t.teardown(() => clearTimeout(running));
    await third.promise;
    t.ok(tries[2]! - tries[0]! > 500, 'retried with pauses');
    await graph.stop();
    await new Promise(resolve => setTimeout(resolve, 50));
    const { length } = tries;
    await new Promise(resolve => setTimeout(resolve, 100));
    t.equal(tries.length, length, 'not retried after the stop');
  },
);
