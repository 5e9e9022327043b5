/**
 * A long run of mixed calls against a server of its own. Every answer is compared with what it must be. At the end the
 * disk is compared with the model, and the resources of the server with those that it used before.
 *
 * The first half of a run warms the server up: its caches of inodes, descriptors and replies fill to their limits, and
 * V8 sizes its heaps. The second half is divided into ten windows, each of which gives one figure: the mean of its
 * samples (for resident memory, and descriptors per name), or the least of them (for heaps and buffers, where it is
 * what a collection leaves). A line fitted to the ten figures must not rise by more than 10 % from the first to the
 * last.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NFS3 } from '../procedures.ts';
import { Mismatch } from './answer.ts';
import { nextXid, Tally } from './caller.ts';
import { disrupt } from './disruptions.ts';
import { homePath, populate, type Populated, prepareDisk } from './ground.ts';
import { Line, marked, recordOf } from './line.ts';
import { sendMalformed } from './malformed.ts';
import { Random } from './random.ts';
import { type Load, type Sample, type ServerOptions, ServerProcess } from './server.ts';
import { compareWithDisk } from './tree.ts';
import { growth, leastOf, meanOf, windows } from './trend.ts';
import type { Worker } from './worker.ts';

export interface SoakOptions extends ServerOptions {
  readonly calls: number;
  readonly seed: number;
  /** Called with every sample. */
  readonly progress?: (sample: Sample, seconds: number) => void;
}

export interface Figure {
  readonly name: string;
  /** The value of the first window after the warm-up. */
  readonly first: number;
  /** The value of the last window. */
  readonly last: number;
  readonly growth: number;
  readonly flat: boolean;
}

export interface Outcome {
  readonly tally: Tally;
  readonly seconds: number;
  readonly samples: readonly Sample[];
  readonly figures: readonly Figure[];
  readonly errors: readonly string[];
  readonly warnings: ReadonlyMap<string, number>;
  readonly exitCode: number | null;
  readonly stopMs: number;
  /** The number of descriptors without any connections, before the calls and after them. */
  readonly descriptors: { readonly before: number; readonly after: number };
  /** Everything that went wrong. Empty after a good run. */
  readonly failures: readonly string[];
}

/**
 * The part of malformed calls among those on connections that stay open. Together with the misused connections they
 * make 10 %.
 */
const MALFORMED = 0.092;
const DISRUPTED = 0.004;
const DISRUPTERS = 3;
const MISMATCHES_MAX = 10;
const STUCK_MS = 30_000;
const SAMPLE_MS = 200;
const STOP_MS_MAX = 11_000;

const WARM_UP = 0.5;
const WINDOWS = 10;
const GROWTH_MAX = 0.1;
/**
 * Growth of fewer bytes than this is not counted, because a tenth of a small figure is within chance. Unreferenced
 * buffers count until a full collection, and some of these are far apart.
 */
const NOISE = { bytes: 4 * 1024 * 1024, bufferBytes: 12 * 1024 * 1024 } as const;

export async function soak(options: SoakOptions): Promise<Outcome> {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-soak-'));
  try {
    return await soakIn(home, options);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function soakIn(home: string, options: SoakOptions): Promise<Outcome> {
  const { calls, seed, progress } = options;
  const [dir, stateDir] = [join(home, 'data'), join(home, 'state')];
  mkdirSync(dir);
  mkdirSync(stateDir);
  const bytes = prepareDisk(dir, new Random(seed));
  const server = await ServerProcess.start(dir, stateDir, options);
  try {
    const tally = new Tally();
    const before = await server.sample({ calls: 0, names: 0 });
    const populated = await populate(dir, server.port, bytes, seed, tally);
    const since = performance.now();
    const samples: Sample[] = [];
    const working = new AbortController();
    const sampling = sampleUntil(
      working.signal,
      server,
      () => loadOf(tally, populated),
      sample => {
        samples.push(sample);
        progress?.(sample, (performance.now() - since) / 1000);
      },
    );
    await work(populated, tally, calls, server);
    const seconds = (performance.now() - since) / 1000;
    working.abort();
    await sampling;
    if (server.ended) {
      const why = [...tally.mismatches, ...server.lastLines].join('\n');
      throw new Error(`the server ended by itself after ${tally.calls} calls:\n${why}`);
    }

    for (const line of populated.lines) line.socket.destroy();
    await sleep(500);
    const after = await server.sample(loadOf(tally, populated));
    const differences = populated.workers.map((worker, n) => difference(worker, homePath(dir, n)));
    const { code, ms } = await stopUnderLoad(server, populated);

    const figures = figuresOf(samples.slice(Math.floor(samples.length * WARM_UP)));
    const failures = [
      ...tally.mismatches,
      ...differences.filter(text => text !== undefined),
      ...server.errors.map(line => `logged: ${line}`),
      ...figures.filter(({ flat }) => !flat).map(({ name, growth }) => `${name} has grown by ${percent(growth)}`),
      ...(code === 0 ? [] : [`SIGTERM: exit code ${code}`]),
      ...(ms <= STOP_MS_MAX ? [] : [`SIGTERM: took ${ms} ms`]),
    ];
    return {
      tally,
      seconds,
      samples,
      figures,
      errors: server.errors,
      warnings: server.warnings,
      exitCode: code,
      stopMs: ms,
      descriptors: { before: before.descriptors, after: after.descriptors },
      failures,
    };
  } finally {
    await server.kill();
  }
}

const loadOf = ({ calls }: Tally, { workers }: Populated): Load => ({
  calls,
  names: workers.reduce((sum, { tree }) => sum + tree.all().length, 0),
});

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

async function sampleUntil(
  signal: AbortSignal,
  server: ServerProcess,
  load: () => Load,
  take: (sample: Sample) => void,
): Promise<void> {
  while (!signal.aborted && !server.ended) {
    // The server may end at any time. That is noticed elsewhere.
    const sample = await server.sample(load()).catch(() => undefined);
    if (sample) take(sample);
    await sleep(SAMPLE_MS, undefined, { signal }).catch(() => {});
  }
}

/** Runs until there have been enough calls or too many mismatches, or until no call is answered any more. */
async function work({ workers, mounters, ground }: Populated, tally: Tally, calls: number, server: ServerProcess) {
  const stuck = new AbortController();
  const goesOn = () =>
    tally.calls < calls && tally.mismatches.length < MISMATCHES_MAX && !server.ended && !stuck.signal.aborted;

  const repeat = async (who: string, step: () => Promise<void>, first?: () => Promise<void>): Promise<void> => {
    try {
      await first?.();
      while (goesOn()) await step();
    } catch (error) {
      tally.mismatch(error, who);
    }
  };
  let disruptions = 0;
  // The replies kept for clients that do not read are the most that the server ever keeps, so they belong to the
  // warm-up.
  const flood = (n: number) => async () => {
    for (const route of ground.routes.filter((_, i) => i % DISRUPTERS === n)) {
      await disrupt({ ...ground, routes: [route] }, tally, 'replies not read');
    }
  };
  const disruptNow = async () => {
    if (disruptions >= tally.calls * DISRUPTED) return sleep(2);
    disruptions++;
    return disrupt(ground, tally);
  };

  let last = -1;
  const watch = setInterval(() => {
    if (tally.calls === last) {
      tally.mismatch(new Mismatch(`no call was answered for ${STUCK_MS} ms`), 'all');
      stuck.abort();
    }
    last = tally.calls;
  }, STUCK_MS);
  const all = Promise.all([
    ...workers.map((worker, n) =>
      repeat(
        `worker ${n}`,
        () => {
          const { caller, tree } = worker;
          return caller.random.chance(MALFORMED) ? sendMalformed(caller, tree) : worker.step();
        },
        () => worker.fill(),
      ),
    ),
    ...mounters.map((mounter, n) => repeat(`mounter ${n}`, () => mounter.step())),
    ...Array.from({ length: DISRUPTERS }, (_, n) => repeat(`disrupter ${n}`, disruptNow, flood(n))),
  ]);
  const given = new Promise(resolve => stuck.signal.addEventListener('abort', resolve));
  await Promise.race([all, given]);
  clearInterval(watch);
}

function difference({ tree }: Worker, path: string): string | undefined {
  try {
    compareWithDisk(tree.home, Buffer.from(path));
    return undefined;
  } catch (error) {
    return `on the disk: ${(error as Error).message}`;
  }
}

/** Sends SIGTERM while calls are under way. */
async function stopUnderLoad(
  server: ServerProcess,
  { ground }: Populated,
): Promise<{ code: number | null; ms: number }> {
  const line = await Line.open(ground.routes[0]!);
  const { shared, cred } = ground;
  for (let i = 0; i < 50; i++) {
    const args = { file: shared.scratch, offset: i, count: 1, stable: 2 as const, data: Buffer.from('x') };
    line.socket.write(marked(recordOf(NFS3.WRITE, args, nextXid(), cred)));
  }
  const stopped = await server.stop();
  await line.closed;
  return stopped;
}

function figuresOf(samples: readonly Sample[]): Figure[] {
  const figure = (name: string, of: (sample: Sample) => number, one: typeof meanOf, noise: number): Figure => {
    const values = windows(samples.map(of), WINDOWS, one);
    const rise = growth(values);
    const flat = rise <= GROWTH_MAX || rise * meanOf(values) <= noise;
    return { name, first: values[0] ?? 0, last: values.at(-1) ?? 0, growth: rise, flat };
  };
  return [
    figure('resident memory', ({ rssBytes }) => rssBytes, meanOf, NOISE.bytes),
    figure('heap', ({ heapBytes }) => heapBytes, leastOf, NOISE.bytes),
    figure('buffers', ({ bufferBytes }) => bufferBytes, leastOf, NOISE.bufferBytes),
    // An object in use has one or two descriptors.
    figure('descriptors per name', ({ descriptors, names }) => descriptors / names, meanOf, 0),
    // Shown, but not judged, as are the objects that they are for. The inode table keeps as many inodes as
    // nfs.mem-factor allows.
    figure('descriptors', ({ descriptors }) => descriptors, meanOf, Infinity),
    figure('inodes', ({ inodes }) => inodes, meanOf, Infinity),
    figure('names', ({ names }) => names, meanOf, Infinity),
  ];
}
