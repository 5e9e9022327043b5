/**
 * Measures the server, nfs-ganesha with its GLUSTER back end, and GlusterFS's own client on one replica 3 volume, in turns,
 * and prints a table: rates, and calls to the bricks (all three together) for each operation. It needs Debian's
 * nfs-ganesha-gluster and rpcbind.
 *
 *     npx node test/gluster/acceptance/bench.ts [--rounds N] [--only bricknfs|ganesha|fuse]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { BED, enterBed, HOST } from '../support/bed.ts';
import { NfsClient } from '../support/nfs-client.ts';
import { serveVolumes } from '../support/serve.ts';
import { GlusterVolume } from '../support/volume.ts';
import { listFuse, randomFuse, sequentialFuse, untarFuse } from './fuse-rows.ts';
import { list, LISTED_FILES, type Measured, random, sequential, untar } from './rows.ts';

const GANESHA_PORT = 2149;
const ROWS = ['untar', 'ls -l cold', 'read 4K', 'write 4K', 'write 1M', 'read 1M'] as const;
type Row = (typeof ROWS)[number];
type Contender = 'bricknfs' | 'ganesha' | 'fuse';

/** Rates and calls of each row of each contender, of all rounds. */
type Results = Map<string, { rates: number[]; calls: number[] }>;

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

/** Starts a contender anew, so that it has nothing in memory, and has it do the rows. */
async function measure(t: Test, who: Contender, volume: GlusterVolume, round: number, results: Results) {
  const note = async (row: Row, run: () => Promise<Measured>) => {
    await volume.profile();
    const { rate, operations } = await run();
    await sleep(1500); // what follows the last replies belongs to the row
    const calls = [...(await volume.profile()).values()].reduce((sum, count) => sum + count, 0) / operations;
    const key = `${row}|${who}`;
    const all = results.get(key) ?? { rates: [], calls: [] };
    results.set(key, all);
    all.rates.push(rate);
    all.calls.push(calls);
    t.comment(`${round} ${who} ${row}: ${rate.toFixed(1)}/s, ${calls.toFixed(2)} calls each`);
  };
  const home = `${who}-${round}`;
  if (who === 'fuse') {
    const dir = await volume.mount(t);
    await note('ls -l cold', () => listFuse(join(dir, 'listed')));
    mkdirSync(join(dir, home));
    await note('untar', () => untarFuse(join(dir, home, 'untar')));
    const file = join(dir, home, 'large');
    await note('write 1M', () => sequentialFuse(file, 'write'));
    await note('write 4K', () => randomFuse(file, 'write'));
    const fresh = join(await volume.mount(t), home, 'large');
    await note('read 1M', () => sequentialFuse(fresh, 'read'));
    await note('read 4K', () => randomFuse(fresh, 'read'));
    return;
  }
  const server = who === 'ganesha' ? await startGanesha(volume.name) : await serveVolumes(t, [volume], '-L', 'warn');
  const child = 'child' in server ? server.child : server;
  const port = 'port' in server ? server.port : GANESHA_PORT;
  const mountport = who === 'ganesha' ? GANESHA_PORT + 1 : port;
  const client = await NfsClient.mount(t, { host: '127.0.0.1', port }, `/${volume.name}`, mountport);
  await note('ls -l cold', async () => list(client, await client.walk('listed')));
  const dir = await client.mkdir(client.root, home);
  await note('untar', async () => untar(client, await client.mkdir(dir, 'untar')));
  const file = await client.create(dir, 'large');
  await note('write 1M', () => sequential(client, file, 'write'));
  await note('write 4K', () => random(client, file, 'write'));
  await note('read 1M', () => sequential(client, file, 'read'));
  await note('read 4K', () => random(client, file, 'read'));
  client.line.close();
  child.kill('SIGKILL');
  await once(child, 'close');
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

function table(results: Results): string {
  const cell = (row: Row, who: Contender, what: 'rates' | 'calls', digits: number) =>
    median(results.get(`${row}|${who}`)?.[what] ?? [])
      .toFixed(digits)
      .padStart(9);
  const lines = ROWS.map(row => {
    const rates = (['bricknfs', 'ganesha', 'fuse'] as const).map(who => cell(row, who, 'rates', 1)).join(' ');
    const calls = (['bricknfs', 'ganesha', 'fuse'] as const).map(who => cell(row, who, 'calls', 2)).join(' ');
    return `${row.padEnd(12)} ${rates}   calls ${calls}`;
  });
  return ['row          bricknfs/s ganesha/s    fuse/s   calls  bricknfs   ganesha      fuse', ...lines].join('\n');
}

enterBed(import.meta.filename);
t.setTimeout(4 * 3600 * 1000);
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' } } });
await t.test('side by side', async t => {
  const contenders =
    values.only === undefined ? (['bricknfs', 'ganesha', 'fuse'] as const) : [values.only as Contender];
  if (contenders.includes('ganesha')) {
    spawn('rpcbind', ['-f'], { stdio: 'ignore' });
    await listening(111);
  }
  const volume = await GlusterVolume.for(t, 'replicate');
  const dir = join(await volume.mount(t), 'listed');
  mkdirSync(dir);
  for (let i = 0; i < LISTED_FILES; i++) writeFileSync(join(dir, `an-entry-${i}`), 'x');
  await volume.startProfile();
  const results: Results = new Map();
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const who of contenders) await measure(t, who, volume, round, results);
  }
  process.stdout.write(`${table(results)}\n`);
});
