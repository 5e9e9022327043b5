/**
 * A server of its own behind a bad network, and clients that do not give up. Every answer is compared with what it must
 * be, and the disk with what was done.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MNT3 } from '#protocols/mount.ts';
import { ask } from '#src/cli/control-client.ts';
import type { StatusReport } from '#src/server/control/report.ts';
import { holds } from '../../soak/model/answer.ts';
import { Caller, Tally } from '../../soak/model/caller.ts';
import { homeFor } from '../../soak/model/ground.ts';
import { authSys } from '../../soak/model/line.ts';
import { Random } from '../../soak/model/random.ts';
import { ServerProcess } from '../../soak/model/server.ts';
import { Tree } from '../../soak/model/tree.ts';
import { MOUNT3 } from '../../soak/procedures.ts';
import { RetryCounts, RetryingLine } from './line.ts';
import { LossyWorker } from './worker.ts';
import { type Faults, FaultyProxy, NO_FAULTS, type ProxyCounts } from '../proxy/proxy.ts';

export interface LossyOptions {
  readonly ops: number;
  readonly faults: Faults;
  readonly seed: number;
  readonly stages: number;
  /** More options for the server. */
  readonly serve?: readonly string[];
}

export interface LossyOutcome {
  readonly tally: Tally;
  readonly steps: number;
  readonly seconds: number;
  readonly network: ProxyCounts;
  readonly retries: RetryCounts;
  readonly replyCaches: readonly ReplyCacheStats[];
  /** Everything that went wrong. Empty after a good run. */
  readonly failures: readonly string[];
}

type ReplyCacheStats = StatusReport['stages'][number]['replies'];

/** The number of addresses of this machine that calls come from. The stages share these clients among them. */
const CLIENTS = 4;
const LINES_EACH = 2;
/** The number of workers on a line, each with one call under way. */
const WORKERS_EACH = 16;
const STOP_AT_MISMATCHES = 10;
const SHOWN_MAX = 5;

/** A disk that stalls for seconds, as other work may cause, is rightly answered JUKEBOX; memory does not stall. */
const IN_MEMORY = '/dev/shm';

export async function lossy(options: LossyOptions): Promise<LossyOutcome> {
  const home = mkdtempSync(join(existsSync(IN_MEMORY) ? IN_MEMORY : tmpdir(), 'bricknfs-lossy-'));
  try {
    return await lossyIn(home, options);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function lossyIn(home: string, options: LossyOptions): Promise<LossyOutcome> {
  const { ops, faults, seed, stages, serve = [] } = options;
  const [dir, stateDir] = [join(home, 'data'), join(home, 'state')];
  mkdirSync(dir);
  mkdirSync(stateDir);
  const server = await ServerProcess.start(dir, stateDir, { stages, serve });
  try {
    const to = { host: '127.0.0.1', port: server.port };
    await using proxy = await FaultyProxy.start({ to, faults: NO_FAULTS, seed });
    const tally = new Tally();
    const retries = new RetryCounts();
    const ground = await settle(dir, proxy.port, seed, tally, retries);
    proxy.faults = faults;
    const since = performance.now();
    await work(ground, ops, tally);
    const seconds = (performance.now() - since) / 1000;
    for (const line of ground.lines) line.close();

    const { stages: stats } = await ask<StatusReport>({ control: join(stateDir, 'control') }, 'status');
    const differences = ground.workers.flatMap((worker, n) => differenceOf(worker, join(dir, `home-${n}`)));
    const { code } = await server.stop();
    return {
      tally,
      steps: ground.workers.reduce((sum, { steps }) => sum + steps, 0),
      seconds,
      network: proxy.counts,
      retries,
      replyCaches: stats.map(({ replies }) => replies),
      failures: [
        ...tally.mismatches,
        ...differences,
        ...retries.differing.slice(0, SHOWN_MAX).map(text => `answered twice, differently: ${text}`),
        ...server.errors.map(line => `logged: ${line}`),
        ...(code === 0 ? [] : [`SIGTERM: exit code ${code}`]),
      ],
    };
  } finally {
    await server.kill();
  }
}

interface Settled {
  readonly lines: readonly RetryingLine[];
  readonly workers: readonly LossyWorker[];
}

/** Makes lines through the bad network, and a directory for each worker. */
async function settle(dir: string, port: number, seed: number, tally: Tally, retries: RetryCounts): Promise<Settled> {
  const user = { uid: process.geteuid!(), gid: process.getegid!() };
  const cred = authSys(user.uid, user.gid);
  const lines = Array.from({ length: CLIENTS * LINES_EACH }, (_, i) => {
    return new RetryingLine({ port, from: `127.0.0.${(i % CLIENTS) + 1}` }, retries);
  });
  let seeds = seed;
  const caller = (line: RetryingLine) => new Caller(line, cred, new Random(++seeds), tally, 0);
  const root = caller(lines[0]!);
  const mounted = await root.call(MOUNT3.MNT, dir);
  holds(mounted.fhs_status === MNT3.OK, `MNT ${dir}: status ${mounted.fhs_status}`);
  const top = Buffer.from(mounted.fhandle);
  const workers = await Promise.all(
    Array.from({ length: lines.length * WORKERS_EACH }, async (_, n) => {
      const who = caller(lines[n % lines.length]!);
      const home = await homeFor(who, top, `home-${n}`, user, user.uid === 0);
      return new LossyWorker(who, new Tree(home, who.random), user, false);
    }),
  );
  return { lines, workers };
}

/** Runs until there have been enough operations or too many mismatches. */
async function work({ workers }: Settled, ops: number, tally: Tally): Promise<void> {
  let left = ops;
  await Promise.all(
    workers.map(async (worker, n) => {
      try {
        while (left-- > 0 && tally.mismatches.length < STOP_AT_MISMATCHES) await worker.step();
      } catch (error) {
        tally.mismatch(error, `worker ${n}`);
      }
    }),
  );
}

function differenceOf(worker: LossyWorker, path: string): string[] {
  try {
    worker.compareWithDisk(path);
    return [];
  } catch (error) {
    return [`on the disk: ${(error as Error).message}`];
  }
}
