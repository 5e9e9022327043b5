/**
 * A server on a disk whose power is cut again and again, and clients that remember what they were promised. After each
 * cut the disk is compared with the promises, and the clients' handles are tried with a new server.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MNT3 } from '#protocols/mount.ts';
import { holds, Mismatch } from '../../soak/model/answer.ts';
import { Caller, Tally } from '../../soak/model/caller.ts';
import { homeFor } from '../../soak/model/ground.ts';
import { authSys, Line } from '../../soak/model/line.ts';
import { Random } from '../../soak/model/random.ts';
import { ServerProcess } from '../../soak/model/server.ts';
import { MOUNT3 } from '../../soak/procedures.ts';
import { type Mode, modeOptions } from '../kill/lives.ts';
import { Disk, type Kind } from './disk.ts';
import { CutWorker, type Promise3 } from './worker.ts';

export interface CutOptions {
  readonly kind: Kind;
  readonly mode: Mode;
  readonly cuts: number;
  /** The longest time for which the power is on. */
  readonly onMs: number;
  readonly seed: number;
  /** What the clients take as promised. */
  readonly promise: Promise3;
  /** The server's options that make the promise true. */
  readonly serve: readonly string[];
}

export interface CutOutcome {
  readonly cuts: number;
  readonly tally: Tally;
  /** How many answered changes of names were lost that were not promised. */
  readonly lost: number;
  /** How often the servers logged each warning. */
  readonly warnings: ReadonlyMap<string, number>;
  readonly seconds: number;
  /** Everything that went wrong. Empty after a good run. */
  readonly failures: readonly string[];
}

const CLIENTS = 2;
const WORKERS_EACH = 3;
const ROOT = { uid: 0, gid: 0 };
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Runs all cuts. It must be called in a mount namespace of its own. */
export async function cutting(options: CutOptions): Promise<CutOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'bricknfs-power-'));
  const disk = Disk.make(folder, options.kind);
  try {
    return await cuttingOn(disk, folder, options);
  } finally {
    spawnSync('umount', [BOOT_ID]);
    disk.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function cuttingOn(disk: Disk, folder: string, options: CutOptions): Promise<CutOutcome> {
  const { mode, cuts, onMs, seed, promise, serve } = options;
  const [dir, stateDir] = [join(disk.path, 'data'), join(disk.path, 'state')];
  mkdirSync(dir);
  mkdirSync(stateDir);
  const random = new Random(seed);
  const tally = new Tally();
  const own = modeOptions(mode);
  const serverOptions = { stages: CLIENTS, ...own, serve: [...(own.serve ?? []), ...serve] };
  const since = performance.now();
  let done = 0;
  let server = await ServerProcess.start(dir, stateDir, serverOptions);
  const failures: string[] = [];
  const workers: CutWorker[] = [];
  const warnings = new Map<string, number>();
  const hear = (one: ServerProcess) => {
    failures.push(...one.errors.map(text => `logged: ${text}`));
    for (const [text, count] of one.warnings) warnings.set(text, (warnings.get(text) ?? 0) + count);
  };
  try {
    let lines = await connect(server);
    workers.push(...(await settle(lines, dir, promise, random, tally)));
    disk.settle();
    while (done < cuts && failures.length === 0) {
      await workUntilCut(server, workers, onMs * (0.2 + 0.8 * random.unit()), failures);
      for (const line of lines) line.socket.destroy();
      hear(server);
      disk.cut();
      bootAnew(folder);
      done++;
      check(workers, dir, failures);
      if (failures.length > 0) break;
      server = await ServerProcess.start(dir, stateDir, serverOptions);
      lines = await connect(server);
      await compareHandles(workers, lines, dir, random, tally, failures);
    }
    for (const line of lines) line.socket.destroy();
  } finally {
    await server.kill();
  }
  const lost = workers.reduce((sum, worker) => sum + worker.lost, 0);
  return { cuts: done, tally, lost, warnings, seconds: (performance.now() - since) / 1000, failures };
}

const connect = ({ port }: ServerProcess): Promise<Line[]> =>
  Promise.all(Array.from({ length: CLIENTS }, (_, i) => Line.open({ port, from: `127.0.0.${i + 1}` })));

const callerOn = (lines: readonly Line[], n: number, random: Random, tally: Tally): Caller =>
  new Caller(lines[n % lines.length]!, authSys(ROOT.uid, ROOT.gid), new Random(random.below(0x1_0000_0000)), tally);

/** Makes a directory for each worker. */
async function settle(lines: readonly Line[], dir: string, promise: Promise3, random: Random, tally: Tally) {
  const root = callerOn(lines, 0, random, tally);
  const mounted = await root.call(MOUNT3.MNT, dir);
  holds(mounted.fhs_status === MNT3.OK, `MNT ${dir}: status ${mounted.fhs_status}`);
  const top = Buffer.from(mounted.fhandle);
  return Promise.all(
    Array.from({ length: CLIENTS * WORKERS_EACH }, async (_, n) => {
      const name = `home-${n}`;
      const caller = callerOn(lines, n, random, tally);
      const home = await homeFor(caller, top, name, ROOT, true);
      const worker = new CutWorker(name, home.handle, promise);
      worker.caller = caller;
      return worker;
    }),
  );
}

/**
 * Lets the workers work until the cut. The server is killed first, so that nothing changes while the disk is copied.
 */
async function workUntilCut(server: ServerProcess, workers: readonly CutWorker[], ms: number, failures: string[]) {
  let on = true;
  const working = workers.map(async worker => {
    try {
      while (on) await worker.step();
    } catch (error) {
      if (on || error instanceof Mismatch) failures.push(textOf(error));
    }
  });
  await sleep(ms);
  on = false;
  await server.kill();
  await Promise.all(working);
}

function check(workers: readonly CutWorker[], dir: string, failures: string[]): void {
  for (const worker of workers) {
    try {
      worker.compareWithDisk(dir);
    } catch (error) {
      failures.push(textOf(error));
    }
  }
}

async function compareHandles(
  workers: readonly CutWorker[],
  lines: readonly Line[],
  dir: string,
  random: Random,
  tally: Tally,
  failures: string[],
): Promise<void> {
  await Promise.all(
    workers.map(async (worker, n) => {
      worker.caller = callerOn(lines, n, random, tally);
      await worker.compareHandles(dir).catch((error: unknown) => failures.push(textOf(error)));
    }),
  );
}

const textOf = (error: unknown): string =>
  error instanceof Mismatch ? error.message : String((error as Error).stack ?? error);

/**
 * Pretends that the machine was booted anew, as it is after a power cut, by mounting a file over the kernel's boot id.
 */
function bootAnew(folder: string): void {
  const file = join(folder, 'boot_id');
  writeFileSync(file, `${randomUUID()}\n`);
  spawnSync('umount', [BOOT_ID]);
  execFileSync('mount', ['--bind', file, BOOT_ID]);
}
