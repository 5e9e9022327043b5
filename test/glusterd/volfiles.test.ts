/**
 * Every volfile that glusterd writes loads as it is. The files of GlusterFS 10.3 have all types of volumes, all options
 * that `gluster volume set` writes into them (`all-options`), and what each of its groups sets.
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { Glusterds } from '#src/glusterd/glusterds.ts';
import { GlusterSource } from '#src/glusterd/source.ts';
import { differsOnlyLive } from '#src/graph/live/live-changes.ts';
import { planServer } from '#src/server/plan.ts';
import { GeneratedVolfile } from '#src/volfile/source.ts';
import { parseVolfile } from '#src/volfile/volfile.ts';
import { FOREIGN_LAYERS } from '#src/xlators/foreign.ts';
import { FakeGlusterd } from '../support/glusterd.ts';

const folder = new URL('../captures/gluster/volfiles/', import.meta.url);
const captured = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const REFUSED = 'options/ec21.compression.vol';
/** Its client has no remote-host, so that only glusterd itself can be asked for it. */
const PROXY = 'rep3.trusted-gfproxy-fuse.vol';
const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
  name => name.endsWith('.vol') && name !== REFUSED && name !== PROXY,
);

async function plan(text: string) {
  await using source = new GlusterSource({
    base: new GeneratedVolfile(text),
    glusterds: new Glusterds(false, () => {}),
    serverFor: volume =>
      parseVolfile(
        `volume ${volume}\n type x\nend-volume\nvolume nfs\n type nfs/server\n subvolumes ${volume}\nend-volume`,
        'made',
      )[1]!,
  });
  return (await planServer({ text: await source.read(), file: 'f' })).plan;
}

for (const name of names) {
  t.test(name, async t => {
    const { volumes, warnings, note } = await plan(captured(name));
    t.strictSame(warnings, [], 'nothing is warned about');
    t.type(note, 'string', 'what has no effect is said in one line');
    const types = volumes.map(({ stanza }) => stanza.type);
    t.strictSame(types.slice(-3), ['debug/io-stats', 'features/two-step', 'nfs/server']);
    const written = parseVolfile(captured(name), name).map(({ type }) => type);
    const built = written.filter(type => !Object.hasOwn(FOREIGN_LAYERS, type));
    const snapd = written.filter(type => type === 'features/snapview-client').length; // its second child goes with it
    t.equal(types.length, built.length - snapd + 2, 'the layers that are built here are in the graph');
  });
}

t.test('the client of a proxy is one of the glusterd that is asked', async t => {
  const fake = await FakeGlusterd.start(t);
  fake.specs.set('rep3', captured(PROXY));
  const stanza = `volume rep3\n type glusterd/volume\n option volfile-server ${fake.address}\n option volume-id rep3\nend-volume\n`;
  const { volumes } = await plan(`${stanza}volume nfs\n type nfs/server\n subvolumes rep3\nend-volume\n`);
  const types = volumes.map(({ stanza: { type } }) => type);
  t.strictSame(types, ['protocol/client', 'features/utime', 'debug/io-stats', 'features/two-step', 'nfs/server']);
  t.equal(volumes[0]!.stanza.options.get('remote-host')!.value, '127.0.0.1');
});

t.test('compression is refused', async t => {
  await t.rejects(plan(captured(REFUSED)), {
    name: 'VolfileError',
    message: /expected no compression .* found "features\/cdc"/,
  });
});

t.test('options that change while the volume is served change in the running graph', async t => {
  const text = captured('rep3.fuse.vol');
  const before = await plan(text);
  const changes: [string, string][] = [
    ['type performance/quick-read', 'type performance/quick-read\n    option cache-size 4MB'],
    ['option log-level INFO', 'option log-level DEBUG'],
    ['option count-fop-hits off', 'option count-fop-hits on'],
    ['option ping-timeout 42', 'option ping-timeout 10'],
    ['option send-gids true', 'option send-gids false'],
  ];
  for (const [from, to] of changes) {
    t.ok(differsOnlyLive(before, await plan(text.replaceAll(from, to))), to);
  }
  const caches = /volume rep3-(write-behind|open-behind|quick-read|md-cache)\n[^]*?end-volume\n\n/g;
  const without = text.replace(caches, '').replace('subvolumes rep3-md-cache', 'subvolumes rep3-utime');
  t.notMatch(without, /performance/);
  t.ok(differsOnlyLive(before, await plan(without)), 'caches that are switched off');
  t.notOk(differsOnlyLive(before, await plan(text.replace('/b1', '/b9'))), 'another brick is another graph');
});
