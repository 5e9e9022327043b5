/** Layers and options of GlusterFS that do nothing here: they leave the graph, and are named in one line. */
import t from 'tap';
import { differsOnlyLive } from '#src/graph/live/live-changes.ts';
import { bool, type ForeignTable } from '#src/graph/options.ts';
import { planGraph } from '#src/graph/plan.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { FOREIGN_LAYERS } from '#src/xlators/foreign.ts';
import { frame, graphOf, stackOf, TEST_XLATORS } from '../support/graph.ts';

class Cluster extends Xlator {
  static readonly children = [1, 4] as const;
  static readonly options = { heal: bool({ default: true }, '') };
  static readonly foreign: ForeignTable = {
    'eager-*': { unused: 'it is always eager' },
    slow: { ignored: 'it is not' },
  };
}

class Named extends Cluster {
  static readonly usesChildNames = true;
}

class Top extends Xlator {
  static readonly isMaster = true;
  static readonly children = [1, 4] as const;
}

const registry = {
  ...TEST_XLATORS,
  'cluster/test': async () => Cluster,
  'cluster/named': async () => Named,
  'test/top': async () => Top,
};
const plan = (text: string) => planGraph({ text, file: 'f', registry, foreign: FOREIGN_LAYERS });
const shape = async (text: string) =>
  (await plan(text)).volumes.map(({ stanza }) => [stanza.name, ...stanza.subvolumes.map(({ name }) => name)]);

const volume = (name: string, type: string, below = '', ...options: string[]) =>
  [
    `volume ${name}`,
    ` type ${type}`,
    ...options.map(option => ` option ${option}`),
    ...(below === '' ? [] : [` subvolumes ${below}`]),
    'end-volume\n',
  ].join('\n');

t.test('layers that do nothing are left out, wherever they stand', async t => {
  const text = [
    volume('a', 'test/memory'),
    volume('b', 'test/memory'),
    volume('ra', 'performance/readdir-ahead', 'a', 'rda-cache-limit 10MB'),
    volume('rb', 'performance/readdir-ahead', 'b'),
    volume('both', 'cluster/test', 'ra rb'),
    volume('wb', 'performance/write-behind', 'both', 'whatever "any thing"'),
    volume('iot', 'performance/io-threads', 'wb'),
    volume('data', 'debug/io-stats', 'iot'),
  ].join('');
  t.strictSame(await shape(text), [['a'], ['b'], ['both', 'a', 'b'], ['data', 'both']]);
  const { note, warnings } = await plan(text);
  t.strictSame(warnings, []);
  t.equal(
    note,
    'layers that do nothing here: performance/io-threads, performance/readdir-ahead, performance/write-behind ' +
      '(bricknfs options TYPE tells why)',
  );
});

t.test('a layer knows its children by the names that stand below it in the volfile', async t => {
  const bricks = [volume('a', 'test/memory'), volume('b', 'test/memory')];
  const text = [
    ...bricks,
    volume('ra', 'performance/readdir-ahead', 'a'),
    volume('over', 'performance/io-threads', 'ra'),
    volume('both', 'cluster/named', 'over b'),
  ].join('');
  const graph = await graphOf(t, text, { registry, foreign: FOREIGN_LAYERS });
  t.strictSame(graph.top.childNames, ['over', 'b']);
  t.strictSame(
    graph.top.children.map(({ name }) => name),
    ['a', 'b'],
  );
  const without = [...bricks, volume('both', 'cluster/named', 'a b')].join('');
  t.notOk(differsOnlyLive(await plan(without), await plan(text)), 'names that are written to bricks are not exchanged');
});

t.test('what only the further subvolumes of such a layer lead to is left out with it', async t => {
  const text = [
    volume('brick', 'test/memory'),
    volume('snapd', 'test/memory'),
    volume('snapd-trace', 'debug/trace', 'snapd'),
    volume('snap', 'features/snapview-client', 'brick snapd-trace'),
    volume('spare', 'test/memory'),
    volume('data', 'debug/io-stats', 'snap'),
  ].join('');
  t.strictSame(await shape(text), [['brick'], ['spare'], ['data', 'brick']]);
  const { warnings } = await plan(text);
  t.match(warnings, [/"spare" is not used/], 'what nothing uses is reported as before');
});

t.test('a layer whose name is the name of a volume stays', async t => {
  const text = [
    volume('brick', 'test/memory'),
    volume('inner', 'performance/io-cache', 'brick'),
    volume('snapd', 'test/memory'),
    volume('data', 'features/snapview-client', 'inner snapd', 'snapshot-directory .snaps'),
    volume('nfs', 'test/top', 'data'),
  ].join('');
  t.strictSame(await shape(text), [['brick'], ['data', 'brick'], ['nfs', 'data']]);
  const { top } = await graphOf(t, text, { registry, foreign: FOREIGN_LAYERS });
  t.equal((await top.statfs(frame, {} as never)).bytesTotal > 0, true, 'it passes fops on');
  const atTop = volume('brick', 'test/memory') + volume('data', 'performance/io-cache', 'brick');
  t.strictSame(await shape(atTop), [['brick'], ['data', 'brick']], 'and so does one at the top');
});

t.test('options without effect are named in the same line, each once', async t => {
  const text = [
    volume('a', 'test/memory'),
    volume('one', 'cluster/test', 'a', 'eager-lock on', 'eager-delay 5'),
    volume('two', 'cluster/test', 'one', 'eager-lock off', 'slow 1'),
    volume('cache', 'performance/md-cache', 'two', 'md-cache-timeout 5'),
    volume('data', 'debug/io-stats', 'cache'),
  ].join('');
  const { warnings, note } = await plan(text);
  t.strictSame(warnings, ['f:13: volume "two": option slow has no effect here: it is not']);
  t.equal(
    note,
    'layers that do nothing here: performance/md-cache; options without effect here: eager-delay, eager-lock ' +
      '(cluster/test) (bricknfs options TYPE tells why)',
  );
});

t.test('what is added, removed or set in such layers changes nothing in the graph', async t => {
  const bare = [volume('a', 'test/memory'), volume('data', 'debug/io-stats', 'a')].join('');
  const more = [
    volume('a', 'test/memory'),
    volume('wb', 'performance/write-behind', 'a', 'flush-behind on'),
    volume('data', 'debug/io-stats', 'wb'),
  ].join('');
  const [one, other] = [await plan(bare), await plan(more)];
  t.ok(differsOnlyLive(one, other));
  t.ok(differsOnlyLive(other, one));
  t.ok(differsOnlyLive(other, await plan(more.replace('flush-behind on', 'flush-behind off'))));
});

t.test('layers that are refused, and layers that nobody knows', async t => {
  const refused = (layer: string, message: RegExp) =>
    t.rejects(plan(stackOf('debug/io-stats', layer, 'test/memory')), { name: 'VolfileError', message });
  await refused('features/cdc', /^f:6: expected no compression between clients and bricks .* found "features\/cdc"$/);
  await refused('features/worm', /^f:6: expected a type that is known/);
  await refused('cluster/stripe', /^f:6: expected a type that is known/);
});
