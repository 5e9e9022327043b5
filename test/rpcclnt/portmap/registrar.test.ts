import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import t, { type Test } from 'tap';
import { IPPROTO, type mapping, PMAPPROC } from '#protocols/portmap.ts';
import { type rpcb, RPCBPROC } from '#protocols/rpcbind.ts';
import type { Program } from '#src/rpcsvc/actor.ts';
import { PortmapRegistrar } from '#src/rpcclnt/portmap/registrar.ts';
import type { Netid, PortEntry, PortTable } from '#src/rpc/port-table.ts';
import { decodeUaddr } from '#src/rpc/uaddr.ts';
import { echo, ECHO } from '../../support/rpc/echo.ts';
import { entry, portMapper, tableOf } from '../../support/portmap.ts';
import { servePrograms } from '../../support/rpc/service.ts';
import { serveAt } from '../../support/rpc/serve-at.ts';

/** The built-in port mapper, but for SET and UNSET: as rpcbind does them for a local caller. */
function writable(table: PortTable): Program[] {
  const [two, three, four] = portMapper(table);
  const set4 = ({ r_prog, r_vers, r_netid, r_addr, r_owner }: rpcb) => {
    const { host, port } = decodeUaddr(r_addr)!;
    const there = table.findExact(r_prog, r_vers, r_netid as Netid);
    if (there) return there.port === port && there.address === host;
    table.add({
      name: '',
      program: r_prog,
      version: r_vers,
      netid: r_netid as Netid,
      address: host,
      port,
      owner: r_owner,
    });
    return true;
  };
  const set2 = ({ prog, vers, prot, port }: mapping) => {
    const netid = prot === IPPROTO.TCP ? 'tcp' : 'udp';
    if (table.findExact(prog, vers, netid)) return false;
    table.add({ name: '', program: prog, version: vers, netid, address: '0.0.0.0', port, owner: '' });
    return true;
  };
  const unset4 = ({ r_prog, r_vers, r_netid }: rpcb) => table.remove(r_prog, r_vers, r_netid as Netid);
  const unset2 = ({ prog, vers }: mapping) =>
    (['tcp', 'udp'] as const).map(netid => table.remove(prog, vers, netid)).includes(true);
  const override = (program: Program, number: number, run: (args: any) => boolean) => {
    const actor = { ...program.actors[number]!, run: (_: unknown, args: unknown) => run(args) };
    return { ...program, actors: { ...program.actors, [number]: actor } };
  };
  return [
    override(override(two!, PMAPPROC.SET, set2), PMAPPROC.UNSET, unset2),
    three!,
    override(override(four!, RPCBPROC.SET, set4), RPCBPROC.UNSET, unset4),
  ];
}

const ADVICE = 'mount with -o port=2049';

async function setUp(t: Test, { table = tableOf(), versions = [2, 3, 4] as readonly number[] } = {}) {
  const { port, service } = await servePrograms(
    t,
    writable(table).filter(({ version }) => versions.includes(version)),
  );
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const registrar = new PortmapRegistrar({
    log,
    targets: [{ host: '127.0.0.1', port }],
    timeoutMs: 1000,
    advice: ADVICE,
  });
  t.teardown(() => registrar.stop());
  return { table, lines, registrar, service };
}

const textsOf = (entries: Iterable<PortEntry>) =>
  [...entries]
    .map(({ program, version, netid, address, port }) => `${program} ${version} ${netid} ${address} ${port}`)
    .sort();

const wanted = [entry('tcp', 2049), entry('udp', 2049), entry('tcp6', 2049), entry('udp6', 2049)];
const warnings = (lines: readonly Record<string, unknown>[]) => lines.filter(({ level }) => level === 40);

t.test('all transports are registered, and unregistered at the end; other entries stay', async t => {
  const other = entry('tcp', 700, { program: 100021, version: 4 });
  const { table, lines, registrar } = await setUp(t, { table: tableOf(other) });
  await registrar.register(wanted);
  t.strictSame(textsOf(table), textsOf([other, ...wanted]));
  t.equal(registrar.registered.length, 4);
  t.strictSame(warnings(lines), []);
  await registrar.stop();
  await registrar.stop();
  t.strictSame(textsOf(table), textsOf([other]));
  t.strictSame(warnings(lines), []);
});

t.test('a port mapper of version 2 takes what it can: IPv4', async t => {
  const { table, lines, registrar } = await setUp(t, { versions: [2] });
  const any = [
    entry('tcp', 2049, { address: '0.0.0.0' }),
    entry('udp', 2049, { address: '0.0.0.0' }),
    entry('tcp6', 2049),
  ];
  await registrar.register(any);
  t.strictSame(textsOf(table), textsOf(any.slice(0, 2)));
  await registrar.stop();
  t.equal(table.size, 0);
  t.strictSame(warnings(lines), []);
});

t.test('what an earlier run left there is no obstacle, whether at the same port or another', async t => {
  const free = await unusedPort();
  const table = tableOf(entry('tcp', 2049), entry('udp', free), entry('tcp6', free));
  const { lines, registrar } = await setUp(t, { table });
  await registrar.register(wanted);
  t.strictSame(textsOf(table), textsOf(wanted));
  t.strictSame(warnings(lines), []);
  await registrar.stop();
  t.equal(table.size, 0);
});

t.test('a wildcard with our port is stale: the port is ours', async t => {
  const table = tableOf(entry('tcp', 2049, { address: '0.0.0.0' }));
  const { registrar } = await setUp(t, { table });
  await registrar.register([entry('tcp', 2049)]);
  t.strictSame(textsOf(table), textsOf([entry('tcp', 2049)]));
});

t.test('another server that answers is left alone, then and at the end, with a warning', async t => {
  const { port } = await servePrograms(t, [echo]);
  const of = { program: ECHO.number, version: ECHO.version, name: 'ECHO' };
  const theirs = entry('tcp', port, of);
  const { table, lines, registrar } = await setUp(t, { table: tableOf(theirs) });
  const ours = [entry('tcp', 2049, of), entry('udp', 2049, of)];
  await registrar.register(ours);
  t.strictSame(textsOf(table), textsOf([theirs, ours[1]!]));
  t.match(warnings(lines), [
    {
      failed: [
        `ECHO version 2 on tcp 127.0.0.1 port 2049: another server is registered and answers (127.0.0.1, port ${port}); it is left alone`,
      ],
      msg: /may not find this server: mount with -o port=2049$/,
    },
  ]);
  t.equal(warnings(lines).length, 1);
  await registrar.stop();
  t.strictSame(textsOf(table), textsOf([theirs]));
});

t.test('what has been replaced since is not ours to unregister', async t => {
  const { table, lines, registrar } = await setUp(t);
  await registrar.register(wanted);
  table.add(entry('tcp', 3049));
  table.remove(100003, 3, 'udp');
  await registrar.stop();
  t.strictSame(textsOf(table), textsOf([entry('tcp', 3049)]));
  t.strictSame(warnings(lines), []);
});

t.test('what the port mapper has lost is registered anew, what others have is left to them', async t => {
  const { table, lines, registrar } = await setUp(t);
  await registrar.register(wanted);
  for (const netid of ['tcp', 'udp'] as const) table.remove(100003, 3, netid);
  table.add(entry('udp', 3049));
  await registrar.renew();
  t.strictSame(textsOf(table), textsOf([wanted[0]!, entry('udp', 3049), wanted[2]!, wanted[3]!]));
  await registrar.renew();
  t.match(lines, [{}, { level: 30, registered: [/on tcp 127.0.0.1 port 2049/], msg: /had lost/ }]);
  t.equal(lines.length, 2, 'nothing is said when there is nothing to do');
  await registrar.stop();
  t.strictSame(textsOf(table), textsOf([entry('udp', 3049)]));
  await registrar.renew();
  t.strictSame(textsOf(table), textsOf([entry('udp', 3049)]), 'not after the end');
});

t.test('a port mapper that starts later is found', async t => {
  const port = await unusedPort();
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const registrar = new PortmapRegistrar({ log, targets: [{ host: '127.0.0.1', port }], renewMs: 20 });
  t.teardown(() => registrar.stop());
  await registrar.register(wanted);
  await registrar.renew();
  t.equal(warnings(lines).length, 1, 'that there is none was said once');
  const table = tableOf();
  await serveAt(t, port, writable(table));
  for (let left = 500; left > 0 && lines.length < 2; left--) await sleep(10);
  t.strictSame(textsOf(table), textsOf(wanted));
  t.equal(warnings(lines).length, 1);
});

t.test('refused: one warning that says what to do, and nothing to undo', async t => {
  const { port } = await servePrograms(t, portMapper(tableOf()));
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const registrar = new PortmapRegistrar({ log, targets: [{ host: '127.0.0.1', port }] });
  await registrar.register([entry('tcp', 2049), entry('tcp', 20048, { program: 100005, name: 'MOUNT3' })]);
  t.match(lines, [
    {
      level: 40,
      failed: [/^NFS3 version 3 on tcp.*refuses/, /^MOUNT3.*refuses/],
      msg: /may not find this server: start rpcbind$/,
    },
  ]);
  t.strictSame(registrar.registered, []);
  await registrar.stop();
  t.equal(lines.length, 1);
});

t.test('no port mapper: one warning with every place that was tried', async t => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const targets = [
    { path: '/nowhere/rpcbind.sock' },
    { host: '127.0.0.1', port: await unusedPort(), reservedPort: true },
  ];
  const registrar = new PortmapRegistrar({ log, targets });
  await registrar.register(wanted);
  await registrar.stop();
  t.match(lines, [
    {
      level: 40,
      failed: [/nowhere\/rpcbind\.sock: .*ENOENT.*; 127\.0\.0\.1:\d+: .*ECONNREFUSED/],
      msg: /start rpcbind$/,
    },
  ]);
  t.equal(lines.length, 1);
});

t.test('a port mapper that does not answer delays the server only for a short time', async t => {
  const server = createServer(socket => t.teardown(() => socket.destroy())).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: line => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const registrar = new PortmapRegistrar({ log, targets: [{ host: '127.0.0.1', port }], timeoutMs: 100 });
  const start = performance.now();
  await registrar.register(wanted);
  await registrar.stop();
  t.ok(performance.now() - start < 1000);
  t.equal(lines.length, 1);

  const patient = new PortmapRegistrar({ log, targets: [{ host: '127.0.0.1', port }], timeoutMs: 60_000 });
  const registering = patient.register(wanted);
  await patient.stop();
  await registering;
  t.equal(lines.length, 1, 'stopped half way: no warning');
});

t.test('stopped between the SETs: those that were made are undone', async t => {
  const { table, registrar, service } = await setUp(t);
  const four = [...service.programs].find(({ version }) => version === 4)!;
  const set = four.actors[RPCBPROC.SET]!;
  let stopping: Promise<void> | undefined;
  const slow = async (context: unknown, args: unknown) => {
    stopping ??= registrar.stop();
    return set.run(context, args);
  };
  (four.actors as any)[RPCBPROC.SET] = { ...set, run: slow };
  await registrar.register(wanted);
  await stopping;
  await registrar[Symbol.asyncDispose]();
  t.equal(table.size, 0);
});

t.test('gone at the end: a warning says what may be left', async t => {
  const { table, lines, registrar, service } = await setUp(t);
  await registrar.register(wanted.slice(0, 1));
  service.programs = { find: () => ({ missing: 'program' }), *[Symbol.iterator]() {} } as any;
  await registrar.stop();
  t.equal(table.size, 1);
  t.match(warnings(lines), [{ left: ['NFS3 version 3 on tcp 127.0.0.1 port 2049'], msg: /rpcinfo -d/ }]);
});

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
