/** Volfiles in which glusterd's volumes are written out. */
import { readdirSync, readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { Glusterds } from '#src/glusterd/glusterds.ts';
import { GlusterSource } from '#src/glusterd/source.ts';
import { printVolfile } from '#src/volfile/print.ts';
import { GeneratedVolfile } from '#src/volfile/source.ts';
import { parseVolfile, type Stanza } from '#src/volfile/volfile.ts';
import { FakeGlusterd } from '../support/glusterd.ts';

const folder = new URL('../captures/gluster/volfiles/', import.meta.url);
const captured = (name: string) => readFileSync(new URL(name, folder), 'utf8');

const wanted = (name: string, server: string, ...options: string[]) =>
  [
    `volume ${name}`,
    ' type glusterd/volume',
    ` option volfile-server ${server}`,
    ...options.map(option => ` option ${option}`),
    'end-volume\n',
  ].join('\n');
const nfs = (...names: string[]) => `volume nfs\n type nfs/server\n subvolumes ${names.join(' ')}\nend-volume\n`;

const serverFor = (volume: string): Stanza =>
  parseVolfile(`volume ${volume}\n type x\nend-volume\n${nfs(volume)}`, 'made')[1]!;

function sourceOf(t: Test, text: string): GlusterSource {
  const glusterds = new Glusterds(false, () => {});
  const source = new GlusterSource({ base: new GeneratedVolfile(text), glusterds, serverFor });
  t.teardown(() => source[Symbol.asyncDispose]());
  return source;
}

const read = async (t: Test, text: string) => parseVolfile(await sourceOf(t, text).read(), 'out');
const shape = (stanzas: readonly Stanza[]) =>
  stanzas.map(({ name, type, subvolumes }) => [name, type, ...subvolumes.map(child => child.name)].join(' '));

async function fakeWith(t: Test, specs: Readonly<Record<string, string>>): Promise<FakeGlusterd> {
  const fake = await FakeGlusterd.start(t);
  for (const [name, spec] of Object.entries(specs)) fake.specs.set(name, spec);
  return fake;
}

t.test('a volume is written out under features/two-step, and keeps the names of its layers', async t => {
  const { address } = await fakeWith(t, { rep3: captured('rep3.fuse.vol') });
  const before = parseVolfile(captured('rep3.fuse.vol'), 'f');
  const text = wanted('rep3', address, 'volume-id rep3') + nfs('rep3');
  const stanzas = await read(t, text);
  t.strictSame(shape(stanzas), [
    ...shape(before.slice(0, -1)),
    'rep3-io-stats debug/io-stats rep3-md-cache',
    'rep3 features/two-step rep3-io-stats',
    'nfs nfs/server rep3',
  ]);
  t.strictSame([...stanzas[0]!.options.keys()], [...before[0]!.options.keys()]);
  t.equal(stanzas[0]!.where, 'glusterd:rep3:1', 'messages name the volume');
  t.equal(stanzas.at(-1)!.where, `${GeneratedVolfile.NAME}:6`, 'and the lines of the file');
});

t.test('a volume can have another name here', async t => {
  const { address } = await fakeWith(t, { rep3: captured('rep3.fuse.vol') });
  const stanzas = await read(t, wanted('data', address, 'volfile-id /rep3') + nfs('data'));
  t.strictSame(shape(stanzas).slice(-3), [
    'rep3 debug/io-stats rep3-md-cache',
    'data features/two-step rep3',
    'nfs nfs/server data',
  ]);
});

t.test('a client without remote-host is one of the server that gave the volfile', async t => {
  const { address } = await fakeWith(t, { rep3: captured('rep3.trusted-gfproxy-fuse.vol') });
  const [client] = await read(t, wanted('rep3', address, 'volume-id rep3') + nfs('rep3'));
  t.equal(client!.options.get('remote-host')!.value, '127.0.0.1');
});

t.test('several volumes, and volumes whose layers have the same names', async t => {
  const { address } = await fakeWith(t, { rep3: captured('rep3.fuse.vol'), dist3: captured('dist3.fuse.vol') });
  const two = wanted('rep3', address, 'volume-id rep3') + wanted('dist3', address, 'volume-id dist3');
  const stanzas = await read(t, two + nfs('rep3', 'dist3'));
  t.strictSame(shape(stanzas.filter(({ type }) => type === 'features/two-step')), [
    'rep3 features/two-step rep3-io-stats',
    'dist3 features/two-step dist3-io-stats',
  ]);
  const twice = wanted('a', address, 'volume-id rep3') + wanted('b', address, 'volume-id rep3') + nfs('a', 'b');
  await t.rejects(read(t, twice), {
    name: 'VolfileError',
    where: `${GeneratedVolfile.NAME}:6`,
    message: /expected volumes whose layers have different names, found "rep3-client-0" again, which is in that of "a"/,
  });
  const clash = wanted('rep3-dht', address, 'volume-id rep3') + nfs('rep3-dht');
  await t.rejects(read(t, clash), { message: /:1: expected another name .* found "rep3-dht", which a layer/ });
});

t.test('what a stanza must be', async t => {
  const refused = (text: string, message: RegExp) => t.rejects(read(t, text), { name: 'VolfileError', message });
  await refused(wanted('a', 'gnode'), /:1: expected option volume-id \(the name of a GlusterFS volume\)/);
  await refused(wanted('a', 'gnode', 'volume-id a/b'), /:4: expected the name of a GlusterFS volume .* found "a\/b"/);
  await refused(wanted('a', 'gnode,b@d', 'volume-id a'), /:3: expected a list, .* a host, HOST:PORT/);
  await refused(wanted('a', 'gnode', 'volume-id a', 'volfile-sever x'), /:5: expected an option of glusterd\/volume/);
  await refused(
    `volume b\n type x\nend-volume\nvolume a\n type glusterd/volume\n option volfile-server g\n option volume-id a\n subvolumes b\nend-volume`,
    /:8: expected no subvolumes/,
  );
});

t.test('glusterd cannot name what is on this machine', async t => {
  const types = ['file:./evil.ts', 'file:/tmp/evil.ts', 'storage/posix', 'nfs/server', 'glusterd/volume', 'debug/../x'];
  for (const type of [...types, 'protocol/server', 'mount/fuse']) {
    const spec = `volume below\n type "${type}"\n option directory /etc\nend-volume\n${captured('rep3.fuse.vol')}`;
    const { address } = await fakeWith(t, { rep3: spec });
    await t.rejects(
      read(t, wanted('rep3', address, 'volume-id rep3') + nfs('rep3')),
      { name: 'VolfileError', where: 'glusterd:rep3:2', message: /expected a layer that a volume of GlusterFS has/ },
      type,
    );
  }
});

t.test("an error in glusterd's volfile names the volume and the line", async t => {
  const { address } = await fakeWith(t, { data: 'volume a\n type\nend-volume' });
  await t.rejects(read(t, wanted('data', address, 'volume-id data')), {
    name: 'VolfileError',
    message: 'glusterd:data:3: expected a type, such as storage/posix, found `end-volume`',
  });
});

t.test('volfiles that glusterd wrote for its clients, as files', async t => {
  for (const name of readdirSync(folder).filter(file => file.endsWith('.vol'))) {
    const text = captured(name);
    const before = parseVolfile(text, 'f');
    const top = before.at(-1)!.name;
    const stanzas = await read(t, text);
    t.strictSame(
      shape(stanzas).slice(-3),
      [
        `${top}-io-stats debug/io-stats ${before.at(-2)!.name}`,
        `${top} features/two-step ${top}-io-stats`,
        `nfs nfs/server ${top}`,
      ],
      name,
    );
    const again = await read(t, printVolfile(stanzas));
    t.strictSame(shape(again), shape(stanzas), 'what is complete stays as it is');
  }
});

t.test("a volfile of GlusterFS's NFS server", async t => {
  const text = captured('rep3.fuse.vol') + nfs('rep3');
  t.strictSame(shape(await read(t, text)).slice(-3), [
    'rep3-io-stats debug/io-stats rep3-md-cache',
    'rep3 features/two-step rep3-io-stats',
    'nfs nfs/server rep3',
  ]);
  const bare = captured('rep3.fuse.vol') + nfs('rep3-dht');
  await t.rejects(read(t, bare), {
    name: 'VolfileError',
    message: /:\d+: expected features\/two-step over volume "rep3-dht", .* found cluster\/distribute on its own/,
  });
});

t.test('other volfiles stay as they are, to the letter', async t => {
  const text = '# a comment\nvolume a\n type storage/posix\nend-volume\n';
  const source = sourceOf(t, text);
  t.equal(await source.read(), text);
  t.equal(source.fixed, true);
});

t.test('a change in glusterd is a change of the source', async t => {
  const fake = await fakeWith(t, { rep3: captured('rep3.fuse.vol') });
  const source = sourceOf(t, wanted('rep3', fake.address, 'volume-id rep3') + nfs('rep3'));
  const before = await source.read();
  t.equal(source.fixed, false);
  t.equal(await source.read(), before, 'the same as long as nothing has changed');
  const changed = new Promise<void>(resolve => source.watch(resolve, () => {}));
  fake.specs.set('rep3', captured('rep3.everything-on.trusted-fuse.vol'));
  fake.stopped.add('rep3');
  fake.notify();
  await changed;
  t.not(await source.read(), before);
  t.strictSame(source.stopped, ['rep3']);
});
