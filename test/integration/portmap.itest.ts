/** The registration with a real rpcbind, and a real rpcinfo that asks the built-in port mapper. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pino from 'pino';
import t, { type Test } from 'tap';
import { silent } from '#src/log.ts';
import { PORT_MAPPERS } from '#src/rpcclnt/portmap/mapper.ts';
import { PortmapRegistrar } from '#src/rpcclnt/portmap/registrar.ts';
import type { PortEntry } from '#src/rpc/port-table.ts';
import { serveMount } from '../support/mount.ts';
import { enterNamespaces, HERE, remoteHost } from '../support/namespace.ts';
import { entry, portMapper, tableOf } from '../support/portmap.ts';
import { serveAt } from '../support/rpc/serve-at.ts';

enterNamespaces(import.meta.filename);
t.setTimeout(180_000);

const run = promisify(execFile);
const SOCKET = '/run/rpcbind.sock';
const overTcp = PORT_MAPPERS.slice(1);

async function rpcbind(t: Test, ...flags: string[]) {
  const child = spawn('rpcbind', ['-f', ...flags], { stdio: 'inherit' });
  const exited = once(child, 'exit');
  const stop = async () => {
    child.kill();
    await exited;
  };
  t.teardown(stop);
  for (let i = 0; ; i++) {
    try {
      await access(SOCKET);
      await run('rpcinfo', ['-T', 'tcp', '127.0.0.1', '100000', '4']);
      return { stop };
    } catch (error) {
      if (i === 100) throw error;
      await sleep(20);
    }
  }
}

/** The lines of rpcinfo about the programs of these tests, with single blanks. */
async function rpcinfo(...args: string[]): Promise<string[]> {
  const { stdout } = await run('rpcinfo', args);
  const lines = stdout.split('\n').map(line => line.trim().replace(/\s+/g, ' '));
  return lines.filter(line => /^(100003|100005|100021) /.test(line)).sort();
}

function registrarOf(t: Test, targets = PORT_MAPPERS) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const registrar = new PortmapRegistrar({ log, targets, advice: 'mount with -o port=N' });
  t.teardown(() => registrar.stop());
  return { registrar, warnings: () => lines.filter(({ level }) => level === 40) };
}

const everywhere = (more: Partial<PortEntry>, port = 2049): PortEntry[] =>
  (['tcp', 'udp', 'tcp6', 'udp6'] as const).map(netid => ({
    ...entry(netid, port, { address: netid.endsWith('6') ? '::' : '0.0.0.0' }),
    ...more,
  }));
const nfs = everywhere({}).filter(({ netid }) => netid.startsWith('tcp'));
const wanted = [
  ...nfs,
  ...everywhere({ program: 100005, version: 3, name: 'MOUNT3' }),
  ...everywhere({ program: 100005, version: 1, name: 'MOUNT1' }),
];

const OLD_STYLE = [
  '100003 3 tcp 2049 nfs',
  '100005 1 tcp 2049 mountd',
  '100005 1 udp 2049 mountd',
  '100005 3 tcp 2049 mountd',
  '100005 3 udp 2049 mountd',
];

const newStyle = (owner: string) =>
  [
    `100003 3 tcp 0.0.0.0.8.1 nfs ${owner}`,
    `100003 3 tcp6 ::.8.1 nfs ${owner}`,
    ...['1', '3'].flatMap(version => [
      `100005 ${version} tcp 0.0.0.0.8.1 mountd ${owner}`,
      `100005 ${version} tcp6 ::.8.1 mountd ${owner}`,
      `100005 ${version} udp 0.0.0.0.8.1 mountd ${owner}`,
      `100005 ${version} udp6 ::.8.1 mountd ${owner}`,
    ]),
  ].sort();

t.test("through the socket everything is registered as root's, and unregistered at the end", async t => {
  await rpcbind(t);
  const { registrar, warnings } = registrarOf(t);
  await registrar.register(wanted);
  t.strictSame(await rpcinfo('-p'), OLD_STYLE);
  t.strictSame(await rpcinfo(), newStyle('superuser'));
  await registrar.stop();
  t.strictSame(await rpcinfo(), []);
  t.strictSame(warnings(), []);
});

t.test("a killed server's registration does not stop the next one, on the same port or another", async t => {
  await rpcbind(t);
  const killed = new PortmapRegistrar({ log: silent });
  await killed.register(wanted);
  const same = registrarOf(t);
  await same.registrar.register(wanted);
  t.strictSame(await rpcinfo(), newStyle('superuser'));
  const other = registrarOf(t);
  await other.registrar.register(wanted.map(one => ({ ...one, port: 3049 })));
  t.ok((await rpcinfo()).every(line => line.includes('.11.233')));
  await same.registrar.stop();
  t.equal((await rpcinfo()).length, 10, "the first server leaves the other's registration alone");
  await other.registrar.stop();
  t.strictSame(await rpcinfo(), []);
  t.strictSame([...same.warnings(), ...other.warnings()], []);
});

t.test("a plain user may register through the socket, but not remove root's registrations", async t => {
  await rpcbind(t);
  const old = new PortmapRegistrar({ log: silent });
  await old.register(nfs);
  process.seteuid!(65534);
  try {
    const { registrar, warnings } = registrarOf(t);
    await registrar.register(wanted.map(one => ({ ...one, port: 3049 })));
    t.match(warnings(), [
      { failed: [/^NFS3 version 3 on tcp .*refuses it from this user/, /^NFS3.*tcp6/], msg: /mount with -o port=N/ },
    ]);
    const mine = (await rpcinfo()).filter(line => line.startsWith('100005'));
    t.equal(mine.length, 8);
    await registrar.stop();
    t.equal(warnings().length, 1);
  } finally {
    process.seteuid!(0);
  }
  t.equal((await rpcinfo()).length, 2);
  await old.stop();
});

t.test('the server registers over TCP from a reserved port', async t => {
  await rpcbind(t);
  const { registrar, warnings } = registrarOf(t, overTcp);
  await registrar.register(wanted);
  t.strictSame(await rpcinfo('-p'), OLD_STYLE);
  t.equal((await rpcinfo()).length, 10);
  await registrar.stop();
  t.strictSame(await rpcinfo(), []);
  t.strictSame(warnings(), []);
});

t.test('over TCP a plain user can register and unregister, without a known owner', async t => {
  await rpcbind(t);
  process.seteuid!(65534);
  try {
    const { registrar, warnings } = registrarOf(t, overTcp);
    await registrar.register(wanted);
    t.strictSame(await rpcinfo(), newStyle('unknown'));
    await registrar.stop();
    t.strictSame(await rpcinfo(), []);
    t.strictSame(warnings(), []);
  } finally {
    process.seteuid!(0);
  }
});

t.test('if rpcbind has restarted the server stops without a warning, and if it is gone with one', async t => {
  const first = await rpcbind(t);
  const { registrar, warnings } = registrarOf(t);
  await registrar.register(wanted);
  await first.stop();
  const second = await rpcbind(t);
  await registrar.stop();
  t.strictSame(warnings(), []);
  const gone = registrarOf(t);
  await gone.registrar.register(wanted);
  await second.stop();
  await gone.registrar.stop();
  t.match(gone.warnings(), [{ msg: /could not unregister/ }]);
});

t.test('after a restart of rpcbind everything is registered again', async t => {
  const first = await rpcbind(t);
  const { registrar, warnings } = registrarOf(t);
  await registrar.register(wanted);
  await first.stop();
  await rpcbind(t);
  t.strictSame(await rpcinfo(), []);
  await registrar.renew();
  t.strictSame(await rpcinfo(), newStyle('superuser'));
  await registrar.stop();
  t.strictSame(await rpcinfo(), []);
  t.strictSame(warnings(), []);
});

const own = [2, 3, 4].flatMap(version => everywhere({ program: 100000, version, name: 'PORTMAP' }, 111));

t.test('rpcinfo finds everything with the built-in port mapper, and reaches it', async t => {
  const { programs } = await serveMount(t);
  await serveAt(t, 2049, programs);
  await serveAt(t, 111, portMapper(tableOf(...own, ...wanted)));
  t.strictSame(await rpcinfo('-p', '127.0.0.1'), OLD_STYLE);
  for (const host of ['127.0.0.1', '::1']) {
    t.strictSame(await rpcinfo(host), newStyle('bricknfs'));
    for (const transport of ['tcp', 'udp']) {
      const netid = host === '::1' ? `${transport}6` : transport;
      const { stdout } = await run('rpcinfo', ['-T', netid, host, '100005', '3']);
      t.match(stdout, /program 100005 version 3 ready and waiting/);
    }
  }
  const { stdout } = await run('rpcinfo', ['-l', '127.0.0.1', '100005', '3']);
  t.match(stdout, /127\.0\.0\.1\.8\.1/);
  await t.rejects(run('rpcinfo', ['-T', 'tcp', '127.0.0.1', '100021', '4']));
});

t.test('another machine finds and reaches everything at the address that leads here', async t => {
  const { programs } = await serveMount(t);
  await serveAt(t, 2049, programs);
  await serveAt(t, 111, portMapper(tableOf(...own, ...wanted)));
  const [command, ...remote] = remoteHost();
  const there = async (...args: string[]) => (await run(command!, [...remote, 'rpcinfo', ...args])).stdout;
  t.match(await there('-p', HERE), /100005 +3 +tcp +2049 +mountd/);
  t.match(await there(HERE), /100005 +3 +tcp +0\.0\.0\.0\.8\.1 +mountd +bricknfs/);
  t.match(await there('-l', HERE, '100005', '3'), /10\.9\.0\.1\.8\.1/);
  for (const transport of ['tcp', 'udp']) {
    t.match(await there('-T', transport, HERE, '100005', '1'), /program 100005 version 1 ready and waiting/);
  }
});
