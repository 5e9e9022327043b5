/**
 * Many mixed calls, one in ten of them wrong in some way, to a server of its own: each gets the answer that it must, and
 * the server's memory stays flat. SOAK_CALLS says how many (100,000), SOAK_SEED repeats a run, SOAK_SERVE adds words to
 * the server's command line.
 */
import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { folders, serving } from '../cli/harness.ts';
import { carryOut, makeDir, mount, tryWrong } from './drive.ts';
import { Line, rude } from './line.ts';
import { RUDE, wrong } from './malformed.ts';
import { Place } from './place.ts';
import { Random } from './random.ts';

const CALLS = Number(process.env['SOAK_CALLS'] ?? 100_000);
const SEED = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);
const WORDS = (process.env['SOAK_SERVE'] ?? '').split(' ').filter(word => word !== '');
const CONNECTIONS = 4;
const PLACES_EACH = 16;
const WRONG_SHARE = 10;
const RUDE_EVERY = 500;
/** The part of a run after which memory must not grow any more. */
const WARM_UP = 0.4;
const FLAT = 0.1;
/**
 * Without a bound, V8 lets garbage lie for as long as the machine has memory, and that is all that one would measure. With one,
 * what is kept is what shows, and a leak ends the server.
 */
const HEAP = '--max-old-space-size=96 --max-semi-space-size=4';
const SAMPLES = 100;

t.setTimeout(15 * 60_000);

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) / 1024;
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

t.test(`${CALLS} calls, seed ${SEED}`, async t => {
  const { dir, state } = folders(t, 'dir', 'state');
  const server = await serving(t, [dir, '--port', '0', '--state-dir', state, '--insecure', ...WORDS], {
    env: { NODE_OPTIONS: HEAP },
  });
  const { port } = server;
  const pid = server.child.pid!;
  const random = new Random(SEED);
  const rss: number[] = [];
  const counts = { calls: 0, wrong: 0, rude: 0 };
  const failures: string[] = [];

  const work = async (line: Line, place: Place): Promise<void> => {
    while (counts.calls < CALLS && failures.length === 0) {
      const nth = counts.calls++;
      if (nth % Math.ceil(CALLS / SAMPLES) === 0) rss.push(rssMiB(pid));
      if (nth % WRONG_SHARE !== 0) {
        await carryOut(line, place.next());
      } else if (nth % RUDE_EVERY === 0) {
        counts.rude++;
        await rude(port, random.pick(RUDE));
      } else {
        counts.wrong++;
        await tryWrong(line, wrong(place, random));
      }
    }
  };

  const started = performance.now();
  const workers: Promise<void>[] = [];
  const lines: Line[] = [];
  for (let c = 0; c < CONNECTIONS; c++) {
    const line = await Line.open(port);
    lines.push(line);
    const root = await mount(line, dir);
    for (let p = 0; p < PLACES_EACH; p++) {
      const place = new Place(await makeDir(line, root, `place-${c}-${p}`), new Random(SEED + c * PLACES_EACH + p + 1));
      workers.push(work(line, place).catch((error: Error) => void failures.push(error.message)));
    }
  }
  await Promise.all(workers);
  const seconds = (performance.now() - started) / 1000;
  for (const line of lines) line.close();
  t.strictSame(failures, [], 'each call gets the answer that it must');
  t.comment(`${counts.calls} calls in ${seconds.toFixed(1)} s, ${counts.wrong} wrong, ${counts.rude} closed on`);

  const warm = rss.slice(Math.floor(rss.length * WARM_UP));
  const third = Math.max(1, Math.floor(warm.length / 3));
  const [before, after] = [mean(warm.slice(0, third)), mean(warm.slice(-third))];
  const every = Math.ceil(rss.length / 20);
  t.comment(
    `memory, MiB: ${rss
      .filter((_, i) => i % every === 0)
      .map(Math.round)
      .join(' ')}`,
  );
  t.ok(
    Math.abs(after - before) <= FLAT * before,
    `memory is flat: ${before.toFixed(1)} MiB, then ${after.toFixed(1)} MiB`,
  );

  t.equal(server.child.exitCode, null, 'the server is alive');
  const open = readdirSync(`/proc/${pid}/fd`).length;
  t.comment(`${open} descriptors open at the end`);
  server.child.kill('SIGTERM');
  t.equal(await server.exited, 0, 'and ends as it should');
  const errors = server.stderr.text.split('\n').filter(line => /"level":(50|60)/.test(line));
  t.strictSame(errors.slice(0, 3), [], 'nothing was logged as an error');
});
