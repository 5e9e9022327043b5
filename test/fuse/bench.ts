/**
 * Measures `bricknfs mount` and examples of libfuse that pass a directory through, in turns, on the same directory of a
 * new XFS file system, and prints a table: operations per second, and the processor time of the server and of the load
 * for each operation. It needs root and Debian's gcc, g++, pkg-config, libfuse3-dev, xfsprogs and, the first time, a
 * `deb-src` line for apt, from which it gets the examples.
 *
 *     npx node test/fuse/bench.ts [--rounds N] [--only bricknfs,libfuse] [--rows 'getattr,read 4K'] [--seconds S]
 *         [--listed FILES] [--json FILE]
 *
 * The directory that is listed has 50,000 files, or as many as the limit on descriptors lets the examples know.
 * TMPDIR is where the image of the file system is. On a tmpfs no disk has a part in the measurement.
 *
 * The kernel keeps attributes and names for a second, and no writes, with all servers. `libfuse` is passthrough_ll, which
 * has no extended attributes then, and finds an object by going through all that the kernel knows; `libfuse-single` is
 * the same with one thread. `libfuse-hp` is passthrough_hp with its timeouts changed, which splices data.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import t, { type Test } from 'tap';
import { cpuUs } from '../bench/cpu.ts';
import { enterNamespaces } from '../support/namespace.ts';
import { type Requests, Tracer } from './bench/requests.ts';
import { buildLoad, makeFiles, OTHER_FILES_MAX, type Place, type Row, ROWS, warmFiles } from './bench/rows.ts';
import { buildExamples, type Contender, CONTENDERS, descriptorsMax, type Server, start } from './bench/servers.ts';

const IMAGE_BYTES = '4G';
const LISTED_FILES_MAX = 50_000;
const SETTLE_MS = 300;

/** What is measured of a row. Times are in µs of processor time for each operation. */
interface Figures {
  readonly rate: number;
  readonly server: number;
  readonly own: number;
  /** The requests for each operation, by their kinds; `undefined` if the kernel does not tell. */
  readonly requests: Readonly<Record<string, number>> | undefined;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: CONTENDERS.join() },
    rows: { type: 'string', default: ROWS.map(({ name }) => name).join() },
    seconds: { type: 'string', default: '4' },
    listed: { type: 'string' },
    json: { type: 'string' },
  },
});

function known<T extends string>(words: string, all: readonly T[]): readonly T[] {
  const wanted = words.split(',');
  const unknown = wanted.filter(word => !all.includes(word as T));
  if (unknown.length > 0) throw new Error(`expected some of ${all.join(', ')}, found ${unknown.join(', ')}`);
  return wanted as T[];
}

const contenders = known(values.only, CONTENDERS);
const names = known(
  values.rows,
  ROWS.map(({ name }) => name),
);
const listedFiles = Number(values.listed ?? Math.min(LISTED_FILES_MAX, descriptorsMax() - OTHER_FILES_MAX));
const rows = ROWS.filter(({ name }) => names.includes(name));

type Results = Map<string, Map<Contender, Figures[]>>;

interface Turn {
  readonly t: Test;
  readonly who: Contender;
  readonly server: Server;
  readonly place: Place;
  readonly tracer: Tracer | undefined;
}

/** The requests of a warm-up for each of its operations. The measurement that follows is not traced. */
async function warmUp({ who, server, place, tracer }: Turn, row: Row): Promise<Figures['requests']> {
  let operations = 0;
  const run = async () => ({ operations } = await row.run(place, 'warmUp'));
  if (tracer === undefined) {
    await run();
    return undefined;
  }
  const counts: Requests = await tracer.during(server.mountpoint, run);
  const total = counts.values().reduce((sum, count) => sum + count, 0);
  if (total < row.requestsMin * operations)
    throw new Error(`${row.name}: ${who} is asked ${total} times in ${operations} operations`);
  return Object.fromEntries([...counts].map(([kind, count]) => [kind, count / operations]));
}

async function measure(turn: Turn, row: Row): Promise<Figures> {
  const { server, place } = turn;
  const { settleMs = SETTLE_MS } = row;
  await row.prepare?.(place);
  const requests = await warmUp(turn, row);
  row.cleanUp?.(place);
  await sleep(settleMs);
  const before = cpuUs(server.pid);
  const { operations, seconds, ownUs } = await row.run(place, 'measured');
  await sleep(settleMs);
  const serverUs = cpuUs(server.pid) - before;
  row.cleanUp?.(place);
  return { rate: operations / seconds, server: serverUs / operations, own: ownUs / operations, requests };
}

const requestsText = (requests: Figures['requests']): string =>
  Object.entries(requests ?? {})
    .filter(([, count]) => count >= 0.005)
    .map(([kind, count]) => `${kind} ${count.toFixed(2)}`)
    .join(', ');

/** Mounts the disk anew, so that nothing of it is in memory but the data, and has a server do the rows on it. */
async function turnOf(t: Test, who: Contender, home: string, tracer: Tracer | undefined, results: Results) {
  const disk = join(home, 'disk');
  execFileSync('umount', [disk]);
  execFileSync('mount', ['-o', 'loop', join(home, 'image'), disk]);
  warmFiles(join(disk, 'source'));
  const server = await start(t, who, join(disk, 'source'), home);
  const place = {
    mount: server.mountpoint,
    home,
    seconds: Number(values.seconds),
    files: listedFiles,
    listed: new Set<string>(),
  };
  for (const row of rows) {
    const figures = await measure({ t, who, server, place, tracer }, row);
    const ofRow = results.get(row.name)!;
    ofRow.set(who, [...(ofRow.get(who) ?? []), figures]);
    const { rate, server: each, own, requests } = figures;
    const times = `${each.toFixed(1)} µs, load ${own.toFixed(1)} µs`;
    t.comment(`${who} ${row.name}: ${Math.round(rate)}/s, ${times}, ${requestsText(requests)}`);
    // What was written must not be on its way to the disk in the next row.
    execFileSync('sync', ['-f', disk]);
  }
  await server.stop();
}

const median = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.floor(sorted.length / 2)]!) / 2;
};

/** The medians of each figure, and how bricknfs compares with each of the others. */
function table(results: Results): string {
  const others = contenders.includes('bricknfs') ? contenders.filter(who => who !== 'bricknfs') : [];
  const head = ['row', ...contenders.map(who => `${who}: op/s, server, load`)];
  head.push(...others.map(who => `bricknfs / ${who}: op/s, server`));
  const lines = [`| ${head.join(' | ')} |`, `|${' --- |'.repeat(head.length)}`];
  for (const [row, all] of results) {
    const of = (who: Contender, figure: 'rate' | 'server' | 'own') => median(all.get(who)!.map(one => one[figure]));
    const cells = contenders.map(who => {
      const rate = Math.round(of(who, 'rate')).toLocaleString('en');
      return `${rate}, ${of(who, 'server').toFixed(1)} µs, ${of(who, 'own').toFixed(1)} µs`;
    });
    const ratio = (who: Contender, figure: 'rate' | 'server') => (of('bricknfs', figure) / of(who, figure)).toFixed(2);
    const ratios = others.map(who => `${ratio(who, 'rate')}, ${ratio(who, 'server')}`);
    lines.push(`| ${[row, ...cells, ...ratios].join(' | ')} |`);
  }
  return lines.join('\n');
}

if (process.getuid!() === 0) buildExamples(contenders);
enterNamespaces(import.meta.filename);
t.setTimeout(4 * 3600 * 1000);
await t.test('side by side', async t => {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-mount-bench-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  const disk = join(home, 'disk');
  mkdirSync(disk);
  execFileSync('truncate', ['-s', IMAGE_BYTES, join(home, 'image')]);
  execFileSync('mkfs.xfs', ['-q', join(home, 'image')]);
  execFileSync('mount', ['-o', 'loop', join(home, 'image'), disk]);
  t.teardown(() => execFileSync('umount', ['-l', disk]));
  const tracer = Tracer.on(join(home, 'tracing'));
  t.teardown(() => {
    tracer?.end();
    execFileSync('umount', [join(home, 'tracing')]);
  });
  await buildLoad(home);
  mkdirSync(join(disk, 'source'));
  await makeFiles(join(disk, 'source'), home, listedFiles);
  t.comment(`the directory that is listed has ${listedFiles} files`);
  const results: Results = new Map(rows.map(({ name }) => [name, new Map()]));
  for (let round = 0; round < Number(values.rounds); round++) {
    // The one that was last in a round is the first in the next, so that neither always follows the other.
    const order = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const who of order) await turnOf(t, who, home, tracer, results);
  }
  if (values.json !== undefined) {
    const all = [...results].map(([row, ofRow]) => [row, Object.fromEntries(ofRow)] as const);
    writeFileSync(values.json, `${JSON.stringify(Object.fromEntries(all), undefined, 2)}\n`);
  }
  process.stdout.write(`${table(results)}\n`);
});
