/**
 * Kills servers in the middle of work: nothing is lost, and no handle is stale. `node test/faults/kill.ts` does more of
 * it.
 */
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
  const skip = mode === 'handles' && process.geteuid!() !== 0 && 'the kernel’s file handles need root';
  void t.test(`${mode}: ${KILLS} kills, ${OPS} operations, seed ${SEED}`, { skip }, async (t: Test) => {
    const outcome = await killing({ kills: KILLS, ops: OPS, mode, seed: SEED, stages: 2 });
    for (const line of summary(outcome)) t.comment(line);
    t.strictSame(outcome.failures, [], 'nothing is lost, stale or left over');
    const { tally, lives, retries, rewrites, listings } = outcome;
    t.ok(tally.calls >= OPS && lives.kills >= KILLS, 'the calls and kills asked for were made');
    t.ok(retries.acrossEnds > 0, 'some calls were under way when servers ended');
    t.ok(rewrites.rewritten > 0, 'uncommitted writes were sent again');
    t.ok(listings.acrossEnds > 0, 'some listings continued on the next server');
  });
}
