import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { GraphEvent } from '#src/graph/event.ts';
import { planGraph } from '#src/graph/plan.ts';
import { Host } from '#src/master/host.ts';
import { Master } from '#src/master/master.ts';
import { subvolumesOf } from '#src/master/subvolumes-of.ts';
import { WriteVerifiers } from '#src/master/write-verifiers.ts';
import { envOf, graphOf, keptLog, TEST_XLATORS } from '../support/graph.ts';
import { Memory } from '../support/memory/memory.ts';

/** A brick whose tree can be exchanged, and which may not know its tree. */
class Disk extends Memory {
  treeId: Buffer | undefined = Buffer.alloc(16, 1);

  override async volumeId(): Promise<Buffer> {
    if (this.treeId === undefined) throw Object.assign(new Error('no disk'), { code: 'ENOENT' });
    return this.treeId;
  }
}

/** A brick that does not know its tree at first. */
class LateDisk extends Disk {
  override treeId: Buffer | undefined = undefined;
}

class Door extends Master {}

const registry = {
  ...TEST_XLATORS,
  'test/disk': async () => Disk,
  'test/late-disk': async () => LateDisk,
  'test/door': async () => Door,
};

const TWO = `
volume one type test/disk end-volume
volume two type test/disk end-volume
volume front type test/door subvolumes one two end-volume
volume back type test/door subvolumes two end-volume
`.replaceAll(/ (type|subvolumes|end-volume)/g, '\n $1');

async function setup(t: Test, text = TWO) {
  const { log, lines } = keptLog();
  const host = new Host({
    verifiers: new WriteVerifiers(),
    programsOf: ({ name }) => [{ name, number: 1, version: 1, minAuth: 0, actors: {}, contextOf: call => call }],
  });
  const graph = await graphOf(t, text, { registry, env: envOf({ log, host }) });
  const [front, back] = graph.tops as [Door, Door];
  const disk = (name: string) => graph.xlators.get(name) as Disk;
  return { graph, front, back, disk, lines };
}

t.test('every master that is not a subvolume of another volume is started', async t => {
  const { graph, front, back } = await setup(t);
  t.strictSame(
    graph.tops.map(({ name }) => name),
    ['front', 'back'],
  );
  await Promise.all([front.ready(), back.ready()]);
  t.ok(front.subvolumes.get('one')!.up);
  t.ok(back.subvolumes.get('two')!.up);
  t.strictSame(
    [...front.programs(), ...back.programs()].map(({ name }) => name),
    ['front', 'back'],
  );
});

t.test('a master below another master or another layer is not a top', async t => {
  const below = `${TWO}volume top\n type test/door\n subvolumes front back\nend-volume\n`;
  const { tops, warnings } = await planGraph({ text: below, file: 'f', registry });
  t.strictSame(
    tops.map(({ stanza }) => stanza.name),
    ['top'],
  );
  const covered = `${TWO}volume top\n type debug/io-stats\n subvolumes back\nend-volume\n`;
  const plan = await planGraph({ text: covered, file: 'f', registry });
  t.strictSame(
    plan.tops.map(({ stanza }) => stanza.name),
    ['top'],
  );
  t.strictSame(warnings, []);
  t.match(plan.warnings, [/volume "front" is not used/]);
});

t.test('masters share what they have in common: a volume, its inodes and its verifier', async t => {
  const { graph, front, back } = await setup(t);
  t.equal(front.subvolumes.get('two'), back.subvolumes.get('two'));
  t.strictSame(
    subvolumesOf(graph).map(({ name }) => name),
    ['one', 'two'],
  );
});

t.test('a brick that goes down changes the verifier of its own volume only, and once', async t => {
  const { front, disk, lines } = await setup(t);
  await front.ready();
  const [one, two] = [...front.subvolumes.values()].map(({ volume }) => volume.verifier.bytes);
  const before = [Buffer.from(one!), Buffer.from(two!)];
  lines.length = 0;
  disk('two').notify({ kind: 'child-down' });
  t.notOk(front.subvolumes.get('two')!.up);
  t.ok(front.subvolumes.get('one')!.up);
  t.same(one, before[0]);
  t.notSame(two, before[1]);
  t.match(lines, [{ volume: 'two', msg: /^volume is down/ }], 'two masters tell of it once');
  disk('two').notify({ kind: 'child-up' });
  t.ok(front.subvolumes.get('two')!.up);
});

t.test('a volume that goes down while it is identified stays down', async t => {
  const { front, disk } = await setup(t);
  await front.ready();
  const one = front.subvolumes.get('one')!;
  disk('one').notify({ kind: 'child-up' });
  disk('one').notify({ kind: 'child-down' });
  await turn();
  t.notOk(one.up);
  disk('one').notify({ kind: 'child-up' });
  disk('one').notify({ kind: 'unstable-lost' });
  await turn();
  t.ok(one.up);
});

t.test('unstable writes that are lost change the verifier of their volume', async t => {
  const { front, disk } = await setup(t);
  const { verifier } = front.subvolumes.get('one')!.volume;
  const before = Buffer.from(verifier.bytes);
  disk('one').notify({ kind: 'unstable-lost' });
  t.notSame(verifier.bytes, before);
});

t.test('an upcall does not concern a volume and ends at the masters', async t => {
  const { front, disk } = await setup(t);
  const { verifier } = front.subvolumes.get('one')!.volume;
  const before = Buffer.from(verifier.bytes);
  const event: GraphEvent = { kind: 'upcall', gfid: Buffer.alloc(16, 7), about: 'changed' };
  disk('one').notify(event);
  t.same(verifier.bytes, before);
  t.ok(front.subvolumes.get('one')!.up);
});

t.test('another tree is another volume with an inode table of its own; its verifier stays', async t => {
  const { front, disk } = await setup(t);
  const one = front.subvolumes.get('one')!;
  const before = one.volume;
  t.equal(await one.identify(), before);
  disk('one').treeId = Buffer.alloc(16, 2);
  const after = await one.identify();
  t.equal(one.volume, after);
  t.not(after.table, before.table);
  t.same(after.verifier.bytes, before.verifier.bytes);
});

t.test('a volume whose tree is not known is up, and its master ready, when the tree has been found', async t => {
  const { front, disk, lines } = await setup(t);
  const one = front.subvolumes.get('one')!;
  disk('one').treeId = undefined;
  await t.rejects(one.identify(), { code: 'ENOENT' });
  t.ok(one.volume.tree, 'the last known tree');
  disk('one').notify({ kind: 'child-up' });
  await new Promise(resolve => setImmediate(resolve));
  t.match(lines.at(-1), { volume: 'one', msg: 'the volume cannot be identified' });
});

t.test(
  'a volume that has just come up is unknown until it has told its tree: its handles are not stale yet',
  async t => {
    const { front, disk } = await setup(t, TWO.replace('test/disk', 'test/late-disk'));
    const one = front.subvolumes.get('one')!;
    await turn();
    t.notOk(one.isUnknown, 'the brick was asked and has none');
    disk('one').treeId = Buffer.alloc(16, 1);
    disk('one').notify({ kind: 'child-up' });
    t.ok(one.isUnknown, 'it is being asked');
    await turn();
    t.notOk(one.isUnknown);
    t.ok(one.volume.tree);
    t.ok(one.up);
  },
);

t.test('a master without a host is refused', async t => {
  await t.rejects(graphOf(t, TWO, { registry }), { message: /cannot start: expected an environment with a host/ });
});
