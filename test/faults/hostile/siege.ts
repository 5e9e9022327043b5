/**
 * One attack, observed from outside: what it costs the server and another client, and whether the cost ends with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ATTACKS, Count, Target } from './attacks.ts';
import { type Ground, type Latencies, work } from './bystander.ts';
import type { Footprint, Server } from './server.ts';

const ATTACKER = join(import.meta.dirname, 'attacker.ts');
const QUIET_MS = 1500;
const SAMPLE_MS = 20;
const RECOVERY_MS_MAX = 60_000;

export interface Plan extends Pick<Target, 'from' | 'connections'> {
  readonly attack: keyof typeof ATTACKS;
  readonly ms: number;
}

export interface Outcome {
  readonly quiet: Latencies;
  readonly attacked: Latencies;
  readonly before: Footprint;
  /** The greatest value of each figure while the attack lasted. */
  readonly peak: Footprint;
  /** The figures after the attack, once they recovered or the time for that was over. */
  readonly after: Footprint;
  readonly recoveryMs: number;
  readonly logBytesPerSecond: number;
  readonly count: Count;
}

export interface Recovery {
  /** How much of the attack's cost may remain. */
  readonly rssBytes: number;
  readonly descriptors: number;
}

export async function siege(server: Server, ground: Ground, plan: Plan, recovery: Recovery): Promise<Outcome> {
  const quiet = await work(server.port, ground, QUIET_MS);
  const before = server.footprint();
  const { logBytes } = server;
  const since = performance.now();
  const peak = { ...before };
  const sampling = setInterval(() => {
    if (server.ended) return;
    const now = server.footprint();
    peak.rssBytes = Math.max(peak.rssBytes, now.rssBytes);
    peak.descriptors = Math.max(peak.descriptors, now.descriptors);
  }, SAMPLE_MS);
  let attacked: Latencies;
  let count: Count;
  try {
    const attacker = begin(server, ground, plan);
    try {
      await attacker.inPlace;
      attacked = await work(server.port, ground, plan.ms);
    } finally {
      count = await attacker.end();
    }
  } finally {
    clearInterval(sampling);
  }
  const logBytesPerSecond = Math.round(((server.logBytes - logBytes) / (performance.now() - since)) * 1000);
  const { after, recoveryMs } = await recovered(server, before, recovery);
  return { quiet, attacked, before, peak, after, recoveryMs, logBytesPerSecond, count };
}

function begin({ port }: Server, { root, file }: Ground, { attack, from, connections }: Plan) {
  const target = { attack, port, from, connections, root: root.toString('hex'), file: file.toString('hex') };
  const child: ChildProcess = spawn(process.execPath, [ATTACKER, JSON.stringify(target)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let said = '';
  const inPlace = new Promise<void>((resolve, reject) => {
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      if (said.startsWith('in place\n')) resolve();
    });
    void closed.then(() => reject(new Error(`the attacker ended: ${said}`)));
  });
  return {
    inPlace,
    async end(): Promise<Count> {
      child.stdin!.end();
      await closed;
      return JSON.parse(said.slice(said.indexOf('\n') + 1) || '{}') as Count;
    },
  };
}

/** Waits until the server is as before, or until the time for that is over. */
async function recovered(server: Server, before: Footprint, allowed: Recovery) {
  const since = performance.now();
  for (;;) {
    const after = server.footprint();
    const recoveryMs = Math.round(performance.now() - since);
    const small = after.rssBytes <= before.rssBytes + allowed.rssBytes;
    const few = after.descriptors <= before.descriptors + allowed.descriptors;
    if ((small && few) || recoveryMs > RECOVERY_MS_MAX) return { after, recoveryMs };
    await sleep(100);
  }
}
