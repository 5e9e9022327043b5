/** Servers killed in the middle of work: nothing is lost, nothing is stale. More of it by `node test/faults/kill.ts`. */
import t, { type Test } from 'tap';
import { summary } from './kill.ts';
import type { Mode } from './kill/lives.ts';
import { killing } from './kill/run.ts';

const KILLS = 8;
const OPS = 12_000;
const SEED = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000);

t.setTimeout(5 * 60_000);

const modes: Mode[] = ['handles', 'index'];
for (const mode of modes) {
  void t.test(`${mode}: ${KILLS} kills, ${OPS} operations, seed ${SEED}`, async (t: Test) => {
    if (mode === 'handles' && process.geteuid!() !== 0) {
      if (process.env['CI'] === 'true') t.fail('needs root, for the kernel’s handles');
      else t.comment('needs root, for the kernel’s handles: not run');
      return;
    }
    const outcome = await killing({ kills: KILLS, ops: OPS, mode, seed: SEED, stages: 2 });
    for (const line of summary(outcome)) t.comment(line);
    t.strictSame(outcome.failures, [], 'nothing is lost, stale or left over');
    const { tally, lives, retries, rewrites, listings } = outcome;
    t.ok(tally.calls >= OPS && lives.kills >= KILLS, 'as much was done as was asked for');
    t.ok(retries.acrossEnds > 0, 'calls fell into the ends of servers');
    t.ok(rewrites.rewritten > 0, 'what was not committed was sent again');
    t.ok(listings.acrossEnds > 0, 'listings went on with the next server');
  });
}
