/**
 * Sends many mixed calls to a server of its own, one in ten of them wrong in some way. Each gets the answer that it
 * must, the disk holds what it must, and the server's memory does not grow (see model/run.ts). SOAK_CALLS sets how many
 * calls are made with each number of stages (default 60,000), SOAK_SEED repeats a run, and SOAK_SERVE adds words to the
 * server's command line.
 */
import t from 'tap';
import { soak } from './model/run.ts';
import { summary } from './soak.ts';

const CALLS = Number(process.env['SOAK_CALLS'] ?? 60_000);
const SEED = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);
const WORDS = (process.env['SOAK_SERVE'] ?? '').split(' ').filter(word => word !== '');
/** A small reply cache is full after a few thousand calls. One that fills up later would look like growth. */
const SMALL_CACHE = ['--xlator-option', 'nfs-server.nfs.drc-size=1MB'];
/**
 * Without a limit, V8 keeps garbage for as long as the machine has memory, and the test would measure nothing else.
 * With a limit, the figures show what is in use, and a leak ends the server.
 */
const HEAP = ['--max-old-space-size=96', '--max-semi-space-size=4'];

t.setTimeout(15 * 60_000);

for (const stages of [1, 2]) {
  t.test(`${CALLS} calls to ${stages} stage(s), seed ${SEED}`, async t => {
    const outcome = await soak({ calls: CALLS, seed: SEED, stages, serve: [...SMALL_CACHE, ...WORDS], node: HEAP });
    for (const line of summary(outcome)) t.comment(line);
    const { failures, tally, exitCode } = outcome;
    t.strictSame(failures, [], 'each call gets the right answer, and nothing grows');
    t.ok(
      tally.calls >= CALLS && tally.malformed > CALLS / 20 && tally.retries > CALLS / 500,
      'calls of all kinds were made',
    );
    t.equal(exitCode, 0, 'the exit code after SIGTERM with calls under way');
  });
}
