/**
 * Measures this server and another one row by row, in turns, on the same machine and file system, and prints a table.
 * The other one is nfs-ganesha, or the server of another checkout (--peer). It runs in namespaces of its own (see run),
 * because ganesha does not start without rpcbind.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { GANESHA, ganeshaConfig } from './ganesha.ts';
import { ROWS } from './rows.ts';

const START_MAX_MS = 20_000;
const SERVER_PORT = 2049;
const PEER_PORT = 2050;
const HERE = resolve(import.meta.dirname, '../..');

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly mountport: number;
  readonly dir: string;
  readonly process: ChildProcess;
}

interface Outcome {
  readonly opsPerSecond: number;
  readonly cpuUsPerOp: number;
  readonly ownCpuUsPerOp: number;
}

const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    'warm-up': { type: 'string', default: '1' },
    rounds: { type: 'string', default: '1' },
    rows: { type: 'string' },
    serve: { type: 'string', default: '' },
    only: { type: 'string' },
    peer: { type: 'string' },
    json: { type: 'string' },
  },
});
if (values.peer !== undefined && values.only !== undefined) throw new Error('expected --peer or --only, found both');
if (values.dir === undefined) throw new Error('expected --dir DIR, the directory to make the exports in');

const started: ChildProcess[] = [];

async function start(command: string, args: readonly string[], port: number, log: string): Promise<ChildProcess> {
  const out = openSync(log, 'w');
  const child = spawn(command, args, { stdio: ['ignore', out, out] });
  closeSync(out);
  started.push(child);
  for (const until = Date.now() + START_MAX_MS; Date.now() < until;) {
    if (child.exitCode !== null) break;
    if (await answers(port)) return child;
    await sleep(50);
  }
  throw new Error(`${command} does not answer on port ${port}, see ${log}`);
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

/** Starts the server of a checkout, with the Node.js that runs this program. */
async function startServer(home: string, name: string, tree: string, port: number): Promise<Contender> {
  const main = join(tree, 'src/main.ts');
  if (!existsSync(main)) throw new Error(`expected a checkout of bricknfs, found no ${main}`);
  const dir = join(home, name);
  mkdirSync(dir, { recursive: true });
  const options = ['--port', `${port}`, '--insecure', '--state-dir', join(home, `${name}.state`)];
  const more = values.serve.split(' ').filter(word => word !== '');
  const args = ['--disable-sigusr1', main, 'serve', dir, ...options, ...more];
  const child = await start(process.execPath, args, port, join(home, `${name}.log`));
  return { name, port, mountport: port, dir, process: child };
}

async function startGanesha(home: string): Promise<Contender> {
  const dir = join(home, 'ganesha');
  mkdirSync(dir, { recursive: true });
  const config = join(home, 'ganesha.conf');
  writeFileSync(config, ganeshaConfig(dir));
  mkdirSync('/run/ganesha', { recursive: true });
  await start('rpcbind', ['-f'], 111, join(home, 'rpcbind.log'));
  const args = ['-F', '-f', config, '-L', join(home, 'ganesha.log'), '-p', '/run/ganesha.pid'];
  const child = await start('ganesha.nfsd', args, GANESHA.port, join(home, 'ganesha.out'));
  return { name: 'nfs-ganesha', ...GANESHA, dir, process: child };
}

async function measure(contender: Contender, row: string): Promise<Outcome> {
  const load = new URL('load.ts', import.meta.url).pathname;
  const words = { port: contender.port, mountport: contender.mountport, export: contender.dir, row };
  const times = { seconds: values.seconds, 'warm-up': values['warm-up'], pid: contender.process.pid };
  const args = Object.entries({ ...words, ...times }).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const { stdout } = await promisify(execFile)(process.execPath, [load, ...args]);
  return JSON.parse(stdout) as Outcome;
}

/** The outcome with the median of calls per second. */
function median(outcomes: readonly Outcome[]): Outcome {
  const sorted = outcomes.toSorted((a, b) => a.opsPerSecond - b.opsPerSecond);
  return sorted[Math.floor((sorted.length - 1) / 2)]!;
}

const cell = ({ opsPerSecond, cpuUsPerOp }: Outcome) =>
  `${opsPerSecond.toLocaleString('en')}  ${cpuUsPerOp.toFixed(1)} µs`.padStart(22);

async function startAll(home: string): Promise<Contender[]> {
  mkdirSync(home, { recursive: true });
  const contenders: Contender[] = [];
  if (values.only !== 'nfs-ganesha') contenders.push(await startServer(home, 'bricknfs', HERE, SERVER_PORT));
  if (values.peer !== undefined) contenders.push(await startServer(home, 'peer', resolve(values.peer), PEER_PORT));
  else if (values.only !== 'bricknfs') contenders.push(await startGanesha(home));
  return contenders;
}

async function compare(): Promise<void> {
  const contenders = await startAll(values.dir!);
  const wanted = values.rows?.split(',');
  const rows = ROWS.filter(({ name }) => wanted === undefined || wanted.includes(name));
  const ratios = contenders.length === 2 ? ['calls/s ratio', 'CPU/call ratio'] : [];
  const head = ['row', 'connections × in flight', ...contenders.map(({ name }) => name), ...ratios];
  process.stdout.write(`| ${head.join(' | ')} | generator |\n|${' --- |'.repeat(head.length + 1)}\n`);
  const all: Record<string, Record<string, Outcome>> = {};
  for (const { name, connections, inFlight } of rows) {
    const outcomes = contenders.map((): Outcome[] => []);
    for (let round = 0; round < Number(values.rounds); round++) {
      // The one that was last in a round is the first in the next, so that neither always follows the other.
      const order = round % 2 === 0 ? [...contenders.keys()] : [...contenders.keys()].reverse();
      for (const i of order) outcomes[i]!.push(await measure(contenders[i]!, name));
    }
    const medians = outcomes.map(median);
    all[name] = Object.fromEntries(contenders.map((one, i) => [one.name, medians[i]!]));
    const cells = [name.padEnd(18), `${connections}×${inFlight}`, ...medians.map(cell)];
    const [ours, theirs] = medians;
    if (theirs !== undefined) {
      cells.push(
        (ours!.opsPerSecond / theirs.opsPerSecond).toFixed(2),
        (ours!.cpuUsPerOp / theirs.cpuUsPerOp).toFixed(2),
      );
    }
    const own = medians.map(({ ownCpuUsPerOp }) => ownCpuUsPerOp.toFixed(1)).join(', ');
    process.stdout.write(`| ${cells.join(' | ')} | ${own} µs |\n`);
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(all, undefined, 2)}\n`);
}

try {
  await compare();
} finally {
  for (const child of started.toReversed()) await stop(child);
}
