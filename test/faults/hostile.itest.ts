/**
 * Hostile clients over loopback. The memory and the log of the server stay bounded, calls of another client go on, and
 * afterwards all resources are given back. The comments in the output have the figures of each attack. `HOSTILE=idle`
 * runs only the attacks with "idle" in their names.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Ground, type Latencies, prepare } from './hostile/bystander.ts';
import { Server } from './hostile/server.ts';
import { type Outcome, type Plan, siege } from './hostile/siege.ts';

const MiB = 1024 * 1024;
const FILE_BYTES = 4 * MiB;
/** The limit for the calls and replies of all clients, set by an option so that it does not depend on the machine. */
const MEMORY_LIMIT = 128 * MiB;
/**
 * What an attack may add to the server's memory: the limit, the buffers that both stages keep for reuse (two pools of
 * 32 MiB each), and the growth of the heaps.
 */
const RSS_MAX = MEMORY_LIMIT + 128 * MiB + 128 * MiB;
/** What may remain of it for a while: the heap of an idle server shrinks only at its next collections. */
const RECOVERY = { rssBytes: 160 * MiB, descriptors: 16 };
/**
 * The slowest hundredth of another client's calls may take twice as long as in quiet. Where the machine is shared with
 * the attacker, which uses a core of its own, the scheduler may let that client wait longer.
 */
const P99_FACTOR = 2;
const P99_ALLOWED_MS = 500;
const LOG_BYTES_PER_SECOND_MAX = 64 * 1024;

/** `count` loopback addresses, none of which is the bystander's. */
const addresses = (net: number, count: number) => Array.from({ length: count }, (_, i) => `127.0.${net}.${i + 1}`);
const REFUSED_NET = 99;

const SIEGES: Record<string, Plan> = {
  'READs of 1 MiB that are never read, one client': {
    attack: 'neverReading',
    from: addresses(1, 1),
    connections: 200,
    ms: 8000,
  },
  'READs of 1 MiB that are never read, 20 clients': {
    attack: 'neverReading',
    from: addresses(2, 20),
    connections: 200,
    ms: 8000,
  },
  'short READs into large buffers, never read': {
    attack: 'neverReadingSmall',
    from: addresses(3, 1),
    connections: 200,
    ms: 5000,
  },
  'half records, one client': { attack: 'halfRecords', from: addresses(4, 1), connections: 400, ms: 5000 },
  'half records, 40 clients': { attack: 'halfRecords', from: addresses(5, 40), connections: 800, ms: 5000 },
  'garbage at full speed': { attack: 'garbage', from: addresses(6, 2), connections: 8, ms: 5000 },
  '5,000 idle connections': { attack: 'idle', from: addresses(7, 20), connections: 5000, ms: 5000 },
  '1,500 idle connections of one client': { attack: 'idle', from: addresses(8, 1), connections: 1500, ms: 3000 },
  '2,000 connections of hosts without an export': {
    attack: 'idle',
    from: addresses(REFUSED_NET, 8),
    connections: 2000,
    ms: 3000,
  },
  'refused MNTs': { attack: 'refusedMounts', from: addresses(9, 4), connections: 16, ms: 5000 },
  reconnecting: { attack: 'storm', from: addresses(10, 8), connections: 32, ms: 5000 },
  'one xid for all calls': { attack: 'sameXid', from: addresses(11, 1), connections: 4, ms: 5000 },
};

const ms = (value: number) => value.toFixed(1);
const mib = (bytes: number) => `${Math.round(bytes / MiB)}`;

function figures({ quiet, attacked, before, peak, after, recoveryMs, logBytesPerSecond, count }: Outcome): string[] {
  const latency = ({ p50, p99, max, calls }: Latencies) =>
    `p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)} (${calls} calls)`;
  return [
    `another client, ms: quiet ${latency(quiet)}; attacked ${latency(attacked)}`,
    `memory, MiB: before ${mib(before.rssBytes)}, peak ${mib(peak.rssBytes)}, after ${mib(after.rssBytes)}`,
    `descriptors: before ${before.descriptors}, peak ${peak.descriptors}, after ${after.descriptors}; given back in ${recoveryMs} ms`,
    `log: ${logBytesPerSecond} bytes/s; the attacker: ${JSON.stringify(count)}`,
  ];
}

t.setTimeout(10 * 60_000);

void t.test('hostile clients cost little and leave nothing behind', async (t: Test) => {
  const home = await mkdtemp(join(tmpdir(), 'bricknfs-hostile-'));
  const dir = join(home, 'data');
  await mkdir(dir);
  const reject = ['--reject', `127.0.${REFUSED_NET}.0/24`];
  const memory = ['--xlator-option', `nfs-server.nfs.memory-limit=${MEMORY_LIMIT}`];
  const server = await Server.start(dir, join(home, 'state'), [...reject, ...memory]);
  t.teardown(async () => {
    server.child.kill('SIGKILL');
    await rm(home, { recursive: true, force: true });
  });
  const ground: Ground = await prepare(server.port, FILE_BYTES);
  for (const [name, plan] of Object.entries(SIEGES)) {
    if (!name.includes(process.env['HOSTILE'] ?? '')) continue;
    await t.test(name, async (t: Test) => {
      if (server.ended) {
        t.fail('the server ended');
        return;
      }
      const outcome = await siege(server, ground, plan, RECOVERY);
      for (const line of figures(outcome)) t.comment(line);
      const { quiet, attacked, before, peak, after, logBytesPerSecond } = outcome;
      t.ok(peak.rssBytes <= before.rssBytes + RSS_MAX, `memory stays below ${mib(RSS_MAX)} MiB more`);
      const allowed = Math.max(quiet.p99 * P99_FACTOR, quiet.p99 + P99_ALLOWED_MS);
      t.ok(attacked.p99 <= allowed, `another client's p99 stays below ${ms(allowed)} ms`);
      t.ok(after.rssBytes <= before.rssBytes + RECOVERY.rssBytes, 'memory is given back');
      t.ok(after.descriptors <= before.descriptors + RECOVERY.descriptors, 'descriptors are given back');
      t.ok(logBytesPerSecond <= LOG_BYTES_PER_SECOND_MAX, 'the log grows slowly');
    });
  }
  t.strictSame(server.errors, [], 'nothing is logged as an error');
  t.equal(await server.stop(), 0, 'the server stops with exit code 0');
});
