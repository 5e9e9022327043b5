/** `serve -s` with a real glusterd: fetching, following changes, and what may go wrong. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bricknfs, type Running, serving } from '../cli/harness.ts';
import { BED, enterBed, gluster, HOST, sh } from './support/bed.ts';
import { NfsClient } from './support/nfs-client.ts';
import { GlusterVolume } from './support/volume.ts';

enterBed(import.meta.filename);
t.setTimeout(300_000);

const TAKEN_OVER = /the new volfile has taken over/g;
const CONNECTED = /the brick is connected/g;
const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;

const stateDir = () => mkdtempSync(join(BED, 'state-'));

function serveVolume(t: Test, volume: GlusterVolume, servers = HOST, ...args: string[]): Promise<Running> {
  const flags = ['--port', '0', '--insecure', '--state-dir', stateDir(), '-L', 'trace'];
  return serving(t, ['-s', servers, '--volfile-id', volume.name, ...flags, ...args]);
}

/** Waits until the server has reloaded `times` times in all. */
const reloaded = (server: Running, times: number) =>
  server.stderr.until(new RegExp(Array.from({ length: times }, () => 'the new volfile has taken over').join('[^]*')));

function passwordOf(volume: GlusterVolume): string {
  return /option password (\S+)/.exec(volume.volfile())![1]!;
}

async function stopGlusterd(): Promise<void> {
  const pid = Number(await sh('pidof', 'glusterd')); // no other runs in the namespace of the bed
  process.kill(pid, 'SIGKILL');
  while (existsSync(`/proc/${pid}`) && !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
    await sh('sleep', '0.05');
}

t.test('a volume is served, and an option that changes live keeps graph and connections', async t => {
  const volume = await GlusterVolume.for(t, 'distribute');
  const server = await serveVolume(t, volume);
  const nfs = await NfsClient.mount(t, server, `/${volume.name}`);
  const file = await nfs.create(nfs.root, 'f');
  await nfs.write(file, Buffer.from('through NFS'));
  const dir = await volume.mount(t);
  t.equal(readFileSync(join(dir, 'f'), 'utf8'), 'through NFS');

  const connected = count(server.stderr.text, CONNECTED);
  await volume.set({ 'network.ping-timeout': '17' });
  await reloaded(server, 1);
  await volume.set({ 'performance.write-behind': 'off', 'performance.cache-size': '64MB' });
  await reloaded(server, 2);
  t.equal(count(server.stderr.text, CONNECTED), connected, 'no brick was connected to again');
  t.equal((await nfs.read(file)).toString(), 'through NFS');
  t.equal(nfs.jukeboxes, 0);
  const troubles = server.stderr.text
    .split('\n')
    .filter(line => /"level":[45]0/.test(line) && !/NODE_OPTIONS/.test(line));
  t.strictSame(troubles, []);

  t.notMatch(server.stderr.text + server.stdout.text, passwordOf(volume), 'no password is logged');
  server.child.kill('SIGUSR1');
  const [, dump] = await server.stderr.until(/"file":"([^"]*\.dump\.[^"]*)"/);
  t.notMatch(readFileSync(dump!, 'utf8'), passwordOf(volume));
  t.match(readFileSync(dump!, 'utf8'), '(not shown)');
});

t.test('a brick is added while files are made: a new graph takes over, and all handles stay good', async t => {
  const volume = await GlusterVolume.for(t, 'distribute');
  const server = await serveVolume(t, volume);
  const nfs = await NfsClient.mount(t, server, `/${volume.name}`);
  const dir = await nfs.mkdir(nfs.root, 'd');
  const early = await nfs.create(dir, 'early');
  await nfs.write(early, Buffer.from('kept'));
  let made = 0;
  let adding = true;
  const making = (async () => {
    while (adding) await nfs.create(dir, `f${made++}`);
  })();
  mkdirSync(join(BED, 'bricks/more'));
  await gluster(`volume add-brick ${volume.name} ${HOST}:${join(BED, 'bricks/more')} force`);
  await reloaded(server, 1);
  const after = made;
  while (made < after + 50) await nfs.getattr(dir);
  adding = false;
  await making;
  t.equal((await nfs.read(early)).toString(), 'kept');
  const listed = (await nfs.list(dir)).map(({ name }) => name).filter(name => /^f\d+$/.test(name));
  t.equal(new Set(listed).size, made, 'each file is listed');
  t.equal(listed.length, made, 'and none twice');
  t.ok(existsSync(join(BED, 'bricks/more/.glusterfs')));
});

t.test('glusterd is killed and comes back: the volume is served on, and changes are followed again', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const server = await serveVolume(t, volume);
  const nfs = await NfsClient.mount(t, server, `/${volume.name}`);
  const file = await nfs.create(nfs.root, 'f');
  await stopGlusterd();
  await server.stderr.until(/glusterd on gnode is gone .*its volumes are served on/);
  await nfs.write(file, Buffer.from('without glusterd'));
  server.child.kill('SIGHUP');
  await server.stderr.until(/the volfile of .* that was fetched before stays in use/);
  await sh('glusterd');
  await server.stderr.until(/glusterd on gnode answers/);
  const before = count(server.stderr.text, TAKEN_OVER);
  await volume.set({ 'network.ping-timeout': '19' });
  await reloaded(server, before + 1);
  t.equal((await nfs.read(file)).toString(), 'without glusterd');
});

t.test('of two hosts the first does not answer', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const server = await serveVolume(t, volume, `127.0.0.9,${HOST}`);
  const nfs = await NfsClient.mount(t, server, `/${volume.name}`);
  await nfs.create(nfs.root, 'f');
  t.strictSame(
    readdirSync(volume.bricks[0]!.path).filter(name => !name.startsWith('.')),
    ['f'],
  );
});

t.test('a volume is stopped and started while it is served', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const server = await serveVolume(t, volume);
  const nfs = await NfsClient.mount(t, server, `/${volume.name}`);
  const file = await nfs.create(nfs.root, 'f');
  await volume.stop();
  await server.stderr.until(/volume is down/);
  const written = nfs.write(file, Buffer.from('later'));
  await volume.start();
  await written;
  t.equal((await nfs.read(file)).toString(), 'later');
});

t.test('what is wrong at the start', async t => {
  const volume = await GlusterVolume.for(t, 'plain');
  const run = (...args: string[]) => bricknfs([...args, '--port', '0', '--state-dir', stateDir()]);
  const none = await run('serve', '-s', HOST, '--volfile-id', 'nothing');
  t.equal(none.code, 2);
  t.match(none.stderr, /^bricknfs: there is no volume nothing \(glusterd has .*\)\n$/);
  t.match(none.stderr, volume.name);
  await volume.stop();
  const stopped = await run('serve', '-s', HOST, '--volfile-id', volume.name);
  t.equal(stopped.code, 1);
  t.match(stopped.stderr, `volume ${volume.name} is stopped; start it with "gluster volume start ${volume.name}"`);
});

t.test('what the groups of volume set write is taken without a warning', async t => {
  const volume = await GlusterVolume.for(t, 'replicate');
  const groups = join(BED, 'glusterd/groups');
  mkdirSync(groups, { recursive: true });
  await sh('cp', '-r', `${import.meta.dirname}/support/groups/.`, groups);
  for (const group of readdirSync(groups)) {
    await gluster(`volume set ${volume.name} group ${group}`);
    const { code, stderr } = await bricknfs(['check', '--strict', '-s', HOST, '--volfile-id', volume.name]);
    t.equal(code, 0, `${group}: ${stderr}`);
    t.equal(count(stderr, /\n/g), 1, 'one line');
    await gluster(`volume reset ${volume.name}`);
  }
});

t.test('a volume with all of the caches and snapshots switched on is served', async t => {
  const on = [
    'read-ahead',
    'io-cache',
    'nl-cache',
    'readdir-ahead',
    'parallel-readdir',
    'client-io-threads',
    'cache-invalidation',
  ];
  const volume = await GlusterVolume.for(t, 'replicate', {
    'features.uss': 'enable',
    'features.cache-invalidation': 'on',
    ...Object.fromEntries(on.map(name => [`performance.${name}`, 'on'])),
  });
  const server = await serveVolume(t, volume);
  const nfs = await NfsClient.mount(t, server, `/${volume.name}`);
  const file = await nfs.create(nfs.root, 'f');
  await nfs.write(file, Buffer.from('all on'));
  t.equal((await nfs.read(file)).toString(), 'all on');
  await volume.set({ 'features.uss': 'disable', 'performance.io-cache': 'off' });
  await reloaded(server, 1);
  t.equal(count(server.stderr.text, CONNECTED), 3, 'what does nothing here can be switched off in the running graph');
  t.equal((await nfs.read(file)).toString(), 'all on');
  await volume.set({ 'performance.parallel-readdir': 'off' });
  await reloaded(server, 2);
  t.equal(count(server.stderr.text, CONNECTED), 6, 'links name subvolumes, which have other names: a new graph');
  t.equal((await nfs.read(file)).toString(), 'all on');
});

t.test('connections to glusterd and to bricks are encrypted', async t => {
  const tls = join(BED, 'tls');
  await sh('cp', '-a', '/usr/lib/ssl', tls);
  const key = join(tls, 'glusterfs.key');
  const pem = join(tls, 'glusterfs.pem');
  const self = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=gnode', '-days', '2'];
  await sh('openssl', 'req', ...self, '-keyout', key, '-out', pem);
  await sh('cp', pem, join(tls, 'glusterfs.ca'));
  await sh('mount', '--bind', tls, '/usr/lib/ssl');
  t.teardown(() => sh('umount', '-l', '/usr/lib/ssl'));
  await stopGlusterd();
  writeFileSync('/var/lib/glusterd/secure-access', '');
  await sh('glusterd');
  const volume = await GlusterVolume.for(t, 'plain', { 'client.ssl': 'on', 'server.ssl': 'on' });
  const server = await serveVolume(t, volume);
  const nfs = await NfsClient.mount(t, server, `/${volume.name}`);
  await nfs.create(nfs.root, 'f');
  t.strictSame(
    readdirSync(volume.bricks[0]!.path).filter(name => !name.startsWith('.')),
    ['f'],
  );
  await volume.set({ 'network.ping-timeout': '19' });
  await reloaded(server, 1);
});
