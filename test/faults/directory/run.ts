/**
 * One large directory, listed in pages of all sizes at the same time, while names come and go and servers are killed.
 * Each name that is there throughout is listed exactly once, and no server grows.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MNT3 } from '#protocols/mount.ts';
import { nfsstat3 as S } from '#protocols/nfs3/constants.ts';
import { holds } from '../../soak/model/answer.ts';
import { authSys, Line } from '../../soak/model/line.ts';
import { Caller, Tally } from '../../soak/model/caller.ts';
import { Random } from '../../soak/model/random.ts';
import { MOUNT3, NFS3 } from '../../soak/procedures.ts';
import { Lives, type Mode, modeOptions } from '../kill/lives.ts';
import { Churn } from './churn.ts';
import { Lister, type Manner, type Outcome, STAYING } from './lister.ts';

export interface DirectoryOptions {
  /** An empty directory of this machine to work in. */
  readonly home: string;
  readonly entries: number;
  readonly mode: Mode;
  readonly kills: number;
  readonly manners: readonly Manner[];
  /** Whether nfs.enable-ino32 is on. */
  readonly narrow: boolean;
  readonly serve?: readonly string[];
}

export interface Peak {
  rssBytes: number;
  descriptors: number;
}

export interface DirectoryOutcome {
  readonly outcomes: readonly Outcome[];
  readonly makeSeconds: number;
  readonly seconds: number;
  readonly kills: number;
  /** How many names came, and how many went. */
  readonly made: number;
  readonly removed: number;
  /** What the first server used before it listed anything. */
  readonly fresh: Peak;
  /** The greatest values of each server, one after the other. */
  readonly peaks: readonly Peak[];
  readonly cpuSeconds: number;
  readonly stateBytes: number;
  readonly failures: string[];
}

const LEAVING = 5000;
const SAMPLE_MS = 100;
const ROOT = authSys(0, 0);
/** The seed for the choice of a port, which parallel runs must not share. */
const SEED = process.pid;
const TICKS_PER_SECOND = 100;

function peakOf(pid: number): Peak {
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1];
  return { rssBytes: Number(rss) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Makes the entries in an order that is not that of their names. */
function makeEntries(dir: string, entries: number): string[] {
  mkdirSync(dir);
  const leaving = Array.from({ length: LEAVING }, (_, i) => `leaving-${i}`);
  for (const name of leaving) closeSync(openSync(join(dir, name), 'wx'));
  for (let i = 0; i < entries; i++) closeSync(openSync(join(dir, `${STAYING}${i}`), 'wx'));
  return leaving;
}

async function handleOf(lives: Lives, exported: string, name: string): Promise<Buffer> {
  const caller = new Caller(
    await Line.open({ port: lives.port, from: '127.0.0.1' }),
    ROOT,
    new Random(SEED),
    new Tally(),
    0,
  );
  const mounted = await caller.call(MOUNT3.MNT, exported);
  holds(mounted.fhs_status === MNT3.OK, `MNT ${exported}: status ${mounted.fhs_status}`);
  const dir = Buffer.from(mounted.fhandle);
  const found = await caller.call(NFS3.LOOKUP, { what: { dir, name } });
  holds(found.status === S.NFS3_OK, `LOOKUP ${name}: status ${found.status}`);
  return Buffer.from(found.object);
}

export async function listing(options: DirectoryOptions): Promise<DirectoryOutcome> {
  const { home, entries, mode, kills, manners, narrow, serve = [] } = options;
  const exported = join(home, 'data'); // See modeOptions for the name.
  const state = join(home, 'state');
  mkdirSync(exported);
  mkdirSync(state);
  const since = performance.now();
  const leaving = makeEntries(join(exported, 'large'), entries);
  const makeSeconds = (performance.now() - since) / 1000;
  const { serve: more = [], ...before } = modeOptions(mode);
  const words = [...more, ...serve, ...(narrow ? ['--xlator-option', 'nfs-server.nfs.enable-ino32=on'] : [])];
  const lives = await Lives.begin(exported, state, { stages: 1, serve: words, ...before }, new Random(SEED));
  const churn = new Churn(join(exported, 'large'), leaving);
  const peaks: Peak[] = [];
  let cpuSeconds = 0;
  try {
    const dir = await handleOf(lives, exported, 'large');
    const pidOf = () => lives.server.child.pid!;
    const fresh = peakOf(pidOf());
    const listers = manners.map(manner => new Lister(lives.port, ROOT, dir, entries, manner));
    let done = false;
    const began = performance.now();
    const all = Promise.all(listers.map(lister => lister.list())).finally(() => (done = true));
    void all.catch(() => {});
    let killed = 0;
    let peak = { ...fresh };
    while (!done) {
      const now = peakOf(pidOf());
      peak = {
        rssBytes: Math.max(peak.rssBytes, now.rssBytes),
        descriptors: Math.max(peak.descriptors, now.descriptors),
      };
      // A server is killed when the fastest lister has come far enough, the next when the slowest has, and so on.
      const progress = listers.map(one => one.progress).sort((a, b) => a - b);
      const at = killed % 2 === 0 ? progress.at(-1)! : progress[0]!;
      if (killed < kills && at > (killed + 0.5) / (kills + 1)) {
        killed++;
        cpuSeconds += cpuSecondsOf(pidOf());
        peaks.push(peak);
        await lives.next('kill');
        peak = peakOf(pidOf());
      }
      await Promise.race([all, sleep(SAMPLE_MS)]);
    }
    const outcomes = await all;
    const seconds = (performance.now() - began) / 1000;
    peaks.push(peak);
    cpuSeconds += cpuSecondsOf(pidOf());
    churn.stop();
    await lives.end('stop');
    const stateBytes = readdirSync(state).reduce((sum, name) => sum + statSync(join(state, name)).size, 0);
    const failures = [...outcomes.flatMap(one => one.failures), ...lives.failures];
    const { made, removed } = churn;
    return {
      outcomes,
      makeSeconds,
      seconds,
      kills: killed,
      made,
      removed,
      fresh,
      peaks,
      cpuSeconds,
      stateBytes,
      failures,
    };
  } finally {
    churn.stop();
    if (lives.serving) await lives.abandon();
    rmSync(exported, { recursive: true });
  }
}
