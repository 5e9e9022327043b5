/**
 * Measures the server, nfs-ganesha with its GLUSTER back end, and GlusterFS's own client on one volume, in turns, and prints
 * a table: rates, calls to the bricks (all of them together), and processor time of the server and of the bricks, for each
 * operation. It needs Debian's nfs-ganesha-gluster and rpcbind.
 *
 *     npx node test/gluster/acceptance/bench.ts [--volume replicate|disperse|…] [--rounds N]
 *         [--only bricknfs,ganesha,fuse] [--rows 'read 4K,write 4K']
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { cpuUs } from '../../bench/cpu.ts';
import { BED, enterBed, HOST, sh } from '../support/bed.ts';
import { newDisk } from '../support/disk.ts';
import { NfsClient } from '../support/nfs-client.ts';
import { serveVolumes } from '../support/serve.ts';
import { GlusterVolume, type Kind } from '../support/volume.ts';
import { listFuse, randomFuse, sequentialFuse, untarFuse } from './fuse-rows.ts';
import { BULK, bulk, LARGE_BYTES, list, LISTED_FILES, type Measured, untar } from './rows.ts';

const GANESHA_PORT = 2149;
/** The two listings are of directories that were not listed before, the first one by a server that was just started. */
const LISTINGS = { 'ls -l cold': 'listed', 'ls -l again': 'also-listed' } as const;
const ROWS = ['ls -l cold', 'ls -l again', 'untar', 'write 1M', 'write 4K', 'read 1M', 'read 4K'] as const;
type Row = (typeof ROWS)[number];
const CONTENDERS = ['bricknfs', 'ganesha', 'fuse'] as const;
type Contender = (typeof CONTENDERS)[number];

/** What is measured of each row of each contender, in all rounds. Times are in ms of processor time for each operation. */
const FIGURES = { rate: 1, calls: 2, server: 3, bricks: 3 } as const;
type Figure = keyof typeof FIGURES;
type Results = Map<string, Record<Figure, number>[]>;

const ganeshaConfig = (volume: string) => `
NFS_CORE_PARAM { Protocols = 3; NFS_Port = ${GANESHA_PORT}; MNT_Port = ${GANESHA_PORT + 1}; Enable_NLM = false;
  Enable_RQUOTA = false; Enable_UDP = false; mount_path_pseudo = false; }
EXPORT { Export_Id = 1; Path = /${volume}; Pseudo = /${volume}; Protocols = 3; Transports = TCP; Access_Type = RW;
  Squash = No_root_squash; SecType = sys; Disable_ACL = true;
  FSAL { Name = GLUSTER; Hostname = ${HOST}; Volume = ${volume}; } }
LOG { Default_Log_Level = EVENT; }
`;

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const is = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (is) return;
    await sleep(100);
  }
}

async function startGanesha(volume: string): Promise<ChildProcess> {
  mkdirSync('/run/ganesha', { recursive: true });
  const config = join(BED, 'ganesha.conf');
  writeFileSync(config, ganeshaConfig(volume));
  const child = spawn('ganesha.nfsd', ['-F', '-f', config, '-L', join(BED, 'ganesha.log'), '-p', '/run/ganesha.pid'], {
    stdio: 'ignore',
  });
  await listening(GANESHA_PORT);
  return child;
}

const cpuMs = (pids: readonly (number | undefined)[]): number =>
  pids.reduce<number>((sum, pid) => sum + cpuUs(pid) / 1000, 0);

/** The process of GlusterFS's client that serves a mount. */
async function pidOfMount(dir: string): Promise<number> {
  const pids = await sh('pgrep', '-f', `glusterfs .* ${dir}$`);
  return Number(pids.trim());
}

interface Turn {
  readonly t: Test;
  readonly who: Contender;
  readonly volume: GlusterVolume;
  readonly round: number;
  readonly rows: ReadonlySet<string>;
  readonly results: Results;
}

/** Does a row, if it is wanted, while `server` is the process that serves it. */
async function note(turn: Turn, row: Row, server: number | undefined, run: () => Promise<Measured>) {
  const { t, who, volume, round, rows, results } = turn;
  if (!rows.has(row)) return;
  await volume.profile();
  const bricks = await volume.pids();
  const before = { server: cpuMs([server]), bricks: cpuMs(bricks) };
  const { rate, operations } = await run();
  await sleep(1500); // what follows the last replies belongs to the row
  const each = (sum: number) => sum / operations;
  const figures = {
    rate,
    server: each(cpuMs([server]) - before.server),
    bricks: each(cpuMs(bricks) - before.bricks),
    calls: each([...(await volume.profile()).values()].reduce((sum, count) => sum + count, 0)),
  };
  const key = `${row}|${who}`;
  results.set(key, [...(results.get(key) ?? []), figures]);
  const text = Object.entries(FIGURES).map(([name, digits]) => `${name} ${figures[name as Figure].toFixed(digits)}`);
  t.comment(`${round} ${who} ${row}: ${text.join(', ')}`);
}

async function measureFuse(turn: Turn): Promise<void> {
  const { t, volume, round } = turn;
  const dir = await volume.mount(t);
  const pid = await pidOfMount(dir);
  const home = `fuse-${round}`;
  for (const [row, name] of Object.entries(LISTINGS)) {
    await note(turn, row as keyof typeof LISTINGS, pid, () => listFuse(join(dir, name)));
  }
  mkdirSync(join(dir, home));
  await note(turn, 'untar', pid, () => untarFuse(join(dir, home, 'untar')));
  const file = join(dir, home, 'large');
  writeFileSync(file, Buffer.alloc(LARGE_BYTES));
  await note(turn, 'write 1M', pid, () => sequentialFuse(file, 'write'));
  await note(turn, 'write 4K', pid, () => randomFuse(file, 'write'));
  const again = await volume.mount(t);
  const pidAgain = await pidOfMount(again);
  const fresh = join(again, home, 'large');
  await note(turn, 'read 1M', pidAgain, () => sequentialFuse(fresh, 'read'));
  await note(turn, 'read 4K', pidAgain, () => randomFuse(fresh, 'read'));
}

/** Starts a server anew, so that it has nothing in memory, and has it do the rows. */
async function measureServer(turn: Turn): Promise<void> {
  const { t, who, volume, round } = turn;
  const server = who === 'ganesha' ? await startGanesha(volume.name) : await serveVolumes(t, [volume], '-L', 'warn');
  const child = 'child' in server ? server.child : server;
  const port = 'port' in server ? server.port : GANESHA_PORT;
  const mountport = who === 'ganesha' ? GANESHA_PORT + 1 : port;
  const address = { host: '127.0.0.1', port };
  const client = await NfsClient.mount(t, address, `/${volume.name}`, mountport);
  for (const [row, name] of Object.entries(LISTINGS)) {
    await note(turn, row as keyof typeof LISTINGS, child.pid, async () => list(client, await client.walk(name)));
  }
  const dir = await client.mkdir(client.root, `${who}-${round}`);
  await note(turn, 'untar', child.pid, async () => untar(client, await client.mkdir(dir, 'untar')));
  const file = await client.create(dir, 'large');
  await client.write(file, Buffer.alloc(LARGE_BYTES));
  await client.commit(file);
  for (const [row, what] of Object.entries(BULK)) {
    await note(turn, row as keyof typeof BULK, child.pid, () => bulk(client, address, file, what));
  }
  client.line.close();
  child.kill(who === 'ganesha' ? 'SIGKILL' : 'SIGTERM');
  await once(child, 'close');
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

function table(results: Results): string {
  const lines: string[] = [];
  for (const [figure, digits] of Object.entries(FIGURES)) {
    lines.push([figure.padEnd(12), ...CONTENDERS.map(who => who.padStart(9))].join(' '));
    for (const row of ROWS) {
      const cells = CONTENDERS.map(who => {
        const all = results.get(`${row}|${who}`);
        return (all === undefined ? '-' : median(all.map(one => one[figure as Figure])).toFixed(digits)).padStart(9);
      });
      lines.push([row.padEnd(12), ...cells].join(' '));
    }
  }
  return lines.join('\n');
}

enterBed(import.meta.filename);
t.setTimeout(4 * 3600 * 1000);
const { values } = parseArgs({
  options: {
    volume: { type: 'string', default: 'replicate' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: CONTENDERS.join() },
    rows: { type: 'string', default: ROWS.join() },
  },
});
await t.test('side by side', async t => {
  const contenders = values.only.split(',') as Contender[];
  const rows = new Set(values.rows.split(','));
  if (contenders.includes('ganesha')) {
    const rpcbind = spawn('rpcbind', ['-f'], { stdio: 'ignore' });
    t.teardown(() => rpcbind.kill());
    await listening(111);
  }
  await newDisk(t);
  const volume = await GlusterVolume.for(t, values.volume as Kind);
  const mount = await volume.mount(t);
  for (const [row, name] of Object.entries(LISTINGS)) {
    if (!rows.has(row)) continue;
    mkdirSync(join(mount, name));
    for (let i = 0; i < LISTED_FILES; i++) writeFileSync(join(mount, name, `an-entry-${i}`), 'x');
  }
  await volume.startProfile();
  const results: Results = new Map();
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const who of contenders) {
      const turn = { t, who, volume, round, rows, results };
      await (who === 'fuse' ? measureFuse(turn) : measureServer(turn));
    }
  }
  process.stdout.write(`${table(results)}\n`);
});
