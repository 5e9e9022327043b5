/**
 * Servers that are killed in the middle of work, one after the other, and clients that go on. Every answer is compared
 * with what it must be, the disk with what was done, and the resources of a server with what it may hold.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mismatch } from '../../soak/model/answer.ts';
import { Tally } from '../../soak/model/caller.ts';
import { Random } from '../../soak/model/random.ts';
import type { Sample } from '../../soak/model/server.ts';
import { compareWithDisk } from '../../soak/model/tree.ts';
import { growth, leastOf, meanOf, windows } from '../../soak/model/trend.ts';
import { Retries } from './caller.ts';
import { clearAway, type Counts, homePath, type Settled, settle } from './ground.ts';
import { Listings } from './lister.ts';
import { bytesIn, descriptorsOf, Lives, type Mode, modeOptions } from './lives.ts';
import { Verifiers } from './verifiers.ts';
import { Rewrites } from './worker.ts';

export interface KillOptions {
  readonly kills: number;
  readonly ops: number;
  readonly mode: Mode;
  readonly seed: number;
  readonly stages: number;
  /** More options for the server. */
  readonly serve?: readonly string[];
  /** Called after the end of every server, and from time to time during the last one. */
  readonly progress?: (line: string) => void;
}

export interface KillOutcome extends Counts {
  readonly seconds: number;
  readonly lives: Lives;
  readonly verifiers: Verifiers;
  /** Samples from right before each end. */
  readonly samples: readonly Sample[];
  readonly lastSamples: readonly Sample[];
  /**
   * How much the memory of the last server grew, relative to its size. Undefined if it did not live long enough to
   * tell.
   */
  readonly growth: Growth | undefined;
  readonly stateBytes: { readonly max: number; readonly last: number };
  /**
   * Descriptors once everything made was removed and all connections were closed, and those of a new server before its
   * first call.
   */
  readonly descriptors: { readonly idle: number; readonly fresh: number };
  /** Everything that went wrong. Empty after a good run. */
  readonly failures: readonly string[];
}

/** The last server is no longer killed once this part of the operations is done. */
const KILLED_PART = 0.7;
const STOPS = 0.15;
const EARLY = 0.1;
const POLL_MS = 5;
const LATER_MS_MAX = 10;
const STUCK_MS = 60_000;
const SAMPLE_MS = 200;
/** Fewer samples tell nothing about growth. */
const SAMPLES_MIN = 100;
const WARM_UP = 0.5;
const WINDOWS = 10;
const GROWTH_MAX = 0.1;
const STATE_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Without a limit, V8 keeps garbage for as long as the machine has memory, and the reply cache takes long to fill. The
 * figures would show nothing else.
 */
const HEAP = ['--max-old-space-size=96', '--max-semi-space-size=4'];
const SMALL_REPLY_CACHE = ['--xlator-option', 'nfs-server.nfs.drc-size=2MB'];
const IDLE_MS = 500;
const IDLE_TRIES = 20;

export async function killing(options: KillOptions): Promise<KillOutcome> {
  const home = mkdtempSync(join(tmpdir(), 'bricknfs-kill-'));
  try {
    return await killingIn(home, options);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function killingIn(home: string, options: KillOptions): Promise<KillOutcome> {
  const { mode, seed, stages, serve = [] } = options;
  const [dir, stateDir] = [join(home, 'data'), join(home, 'state')];
  mkdirSync(dir);
  mkdirSync(stateDir);
  const random = new Random(seed);
  const own = modeOptions(mode);
  const words = [...SMALL_REPLY_CACHE, ...(own.serve ?? []), ...serve];
  const serverOptions = { stages, ...own, serve: words, node: HEAP };
  const counts: Counts = {
    tally: new Tally(),
    retries: new Retries(),
    rewrites: new Rewrites(),
    listings: new Listings(),
  };
  const verifiers = new Verifiers();
  const lives = await Lives.begin(dir, stateDir, serverOptions, random);
  const fresh = descriptorsOf(lives.server);
  let settled: Settled | undefined;
  try {
    settled = await settle(dir, lives, counts, verifiers, random);
    const since = performance.now();
    const watched = await work(settled, lives, counts, options, random);
    const seconds = (performance.now() - since) / 1000;
    const failures = [...counts.tally.mismatches];
    if (!lives.serving) throw new Error(`no server is left:\n${failures.join('\n')}`);
    // After a mismatch the clients no longer know what the disk must hold.
    if (failures.length === 0) failures.push(...(await atTheEnd(settled, dir)));
    const cleared = failures.length === 0;
    for (const line of settled.lines) line.close();
    const descriptors = await leftOpen(lives, dir, fresh, failures, cleared);
    if (cleared) failures.push(...readdirSync(dir).map(name => `left in the export: ${name}`));
    await lives.end('stop');
    watched.state.push(bytesIn(stateDir));
    failures.push(...lives.failures, ...judged(watched, mode, counts, verifiers, lives));
    return {
      ...counts,
      seconds,
      lives,
      verifiers,
      samples: watched.samples,
      lastSamples: watched.lastSamples,
      growth: growthOf(watched.lastSamples),
      stateBytes: { max: Math.max(...watched.state), last: watched.state.at(-1)! },
      descriptors,
      failures,
    };
  } finally {
    for (const line of settled?.lines ?? []) line.close();
    await lives.abandon();
  }
}

interface Watched {
  readonly samples: Sample[];
  readonly lastSamples: Sample[];
  /** The sizes of the state directory after each end. */
  readonly state: number[];
}

/** Runs until there have been enough operations and ends, something went wrong, or no call is answered any more. */
async function work(settled: Settled, lives: Lives, counts: Counts, options: KillOptions, random: Random) {
  const { tally } = counts;
  const { ops } = options;
  const stuck = new AbortController();
  const broken = () => tally.mismatches.length > 0 || stuck.signal.aborted || lives.lost;
  let killing = true;
  const repeat = async (who: string, step: () => Promise<void>, first?: () => Promise<void>): Promise<void> => {
    try {
      await first?.();
      while ((killing || tally.calls < ops) && !broken()) await step();
    } catch (error) {
      tally.mismatch(error, who);
    }
  };
  let last = -1;
  const watch = setInterval(() => {
    if (tally.calls === last) {
      tally.mismatch(new Mismatch(`no call was answered for ${STUCK_MS} ms`), 'all');
      stuck.abort();
    }
    last = tally.calls;
  }, STUCK_MS);
  const watched: Watched = { samples: [], lastSamples: [], state: [] };
  const all = Promise.all([
    ...settled.workers.map((worker, n) =>
      repeat(
        `worker ${n}`,
        () => worker.step(),
        () => worker.fill(),
      ),
    ),
    ...settled.listers.map((lister, n) => repeat(`lister ${n}`, () => lister.step())),
  ]);
  const ending = endThem(lives, counts, options, random, watched, broken)
    .then(() => {
      killing = false;
      return sampleLast(lives, counts, options, watched, all);
    })
    .catch((error: unknown) => {
      tally.mismatch(error, 'the server');
      stuck.abort();
    });
  const given = new Promise(resolve => stuck.signal.addEventListener('abort', resolve));
  await Promise.race([Promise.all([all, ending]), given]);
  clearInterval(watch);
  return watched;
}

/** Ends one server after the other, each after a random number of operations. */
async function endThem(
  lives: Lives,
  { tally }: Counts,
  { kills, ops, progress }: KillOptions,
  random: Random,
  watched: Watched,
  broken: () => boolean,
): Promise<void> {
  const mean = (ops * KILLED_PART) / (kills * (1 + STOPS));
  while (lives.kills < kills) {
    const target = tally.calls + random.unit() * 2 * mean;
    while (tally.calls < target && !broken()) await sleep(POLL_MS);
    if (broken()) return;
    const sample = await lives.server.sample({ calls: tally.calls, names: 0 });
    watched.samples.push(sample);
    await sleep(random.unit() * LATER_MS_MAX);
    const ending = random.chance(STOPS) ? 'stop' : 'kill';
    await lives.next(ending, random.chance(EARLY) ? random.between(1, 2) : 0);
    watched.state.push(bytesIn(lives.stateDir));
    progress?.(`${lives.kills} kills, ${lives.stops} stops, ${said(sample)}`);
  }
}

const said = ({ calls, rssBytes, descriptors }: Sample): string =>
  `${calls} operations, ${(rssBytes / 1024 / 1024).toFixed(0)} MiB resident, ${descriptors} descriptors`;

/** Samples the last server, which is not killed. */
async function sampleLast(
  lives: Lives,
  { tally }: Counts,
  { progress }: KillOptions,
  { lastSamples }: Watched,
  all: Promise<unknown>,
): Promise<void> {
  let working = true;
  void all.then(() => (working = false));
  for (let nth = 0; working && !lives.lost; nth++) {
    const sample = await lives.server.sample({ calls: tally.calls, names: 0 });
    lastSamples.push(sample);
    if (nth % 50 === 0) progress?.(`the last server: ${said(sample)}`);
    await sleep(SAMPLE_MS);
  }
}

/** Commits everything, compares it with the disk, and removes it. */
async function atTheEnd(settled: Settled, dir: string): Promise<string[]> {
  try {
    await Promise.all(settled.workers.map(worker => worker.commitAll()));
    for (const [n, { tree }] of settled.workers.entries()) compareWithDisk(tree.home, Buffer.from(homePath(dir, n)));
    await clearAway(settled);
    return [];
  } catch (error) {
    return [`at the end: ${error instanceof Mismatch ? error.message : String((error as Error).stack)}`];
  }
}

/** What the server has open once nothing is in use, compared with what it had at first. */
async function leftOpen(
  { server }: Lives,
  dir: string,
  fresh: readonly string[],
  failures: string[],
  cleared: boolean,
) {
  const below = (open: readonly string[]) => open.filter(one => one.startsWith(`${dir}/`));
  const sockets = (open: readonly string[]) => open.filter(one => one.startsWith('socket:')).length;
  let idle: string[] = [];
  for (let tries = 0; tries < IDLE_TRIES; tries++) {
    idle = descriptorsOf(server);
    if (!cleared || (below(idle).length === 0 && sockets(idle) <= sockets(fresh))) break;
    await sleep(IDLE_MS);
  }
  if (cleared) {
    failures.push(...below(idle).map(one => `a descriptor was left open: ${one}`));
    if (sockets(idle) > sockets(fresh))
      failures.push(`${sockets(idle)} sockets are open, and ${sockets(fresh)} were at first`);
  }
  return { idle: idle.length, fresh: fresh.length };
}

/** The growth of resident memory on average, and that of heaps and buffers after a collection. */
export interface Growth {
  readonly resident: number;
  readonly kept: number;
}

function growthOf(samples: readonly Sample[]): Growth | undefined {
  if (samples.length < SAMPLES_MIN) return undefined;
  const warm = samples.slice(Math.floor(samples.length * WARM_UP));
  const resident = warm.map(({ rssBytes }) => rssBytes);
  const kept = warm.map(({ heapBytes, bufferBytes }) => heapBytes + bufferBytes);
  return { resident: growth(windows(resident, WINDOWS, meanOf)), kept: growth(windows(kept, WINDOWS, leastOf)) };
}

function judged(watched: Watched, mode: Mode, counts: Counts, verifiers: Verifiers, lives: Lives): string[] {
  const failures: string[] = [];
  const { resident = 0, kept = 0 } = growthOf(watched.lastSamples) ?? {};
  for (const [what, rise] of Object.entries({
    'resident memory': resident,
    'memory in use after a collection': kept,
  })) {
    if (rise > GROWTH_MAX) failures.push(`${what} has grown by ${(rise * 100).toFixed(1)} %`);
  }
  const state = Math.max(...watched.state);
  if (state > STATE_BYTES_MAX) failures.push(`the state directory has grown to ${state} bytes`);
  if (mode === 'handles' && counts.retries.jukebox > 0) {
    failures.push(`${counts.retries.jukebox} times "come again later", although the handles need no search`);
  }
  if (verifiers.count > lives.gone + 1) failures.push(`${verifiers.count} write verifiers of ${lives.gone} servers`);
  return failures;
}
