/**
 * `node test/faults/kill.ts [--kills 200] [--ops 1000000] [--mode handles|index|both] [--seed N] [--stages N]
 * [--serve OPTION]…`: kills and stops servers in the middle of work, and checks that nothing is lost: see kill/run.ts.
 * Exits with 1 if anything went wrong.
 */
import { parseArgs } from 'node:util';
import { killing, type KillOutcome } from './kill/run.ts';
import type { Mode } from './kill/lives.ts';

const MiB = 1024 * 1024;
const PROGRESS_EVERY_MS = 5000;

const mib = (bytes: number) => `${(bytes / MiB).toFixed(1)} MiB`;
const say = (line: string) => void process.stdout.write(`${line}\n`);
const counted = (of: ReadonlyMap<string, number>) =>
  [...of].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(', '); // prettier-ignore
const percent = (part: number) => `${(part * 100).toFixed(1)} %`;
const range = (values: readonly number[], show: (value: number) => string) =>
  values.length === 0 ? 'none' : `${show(Math.min(...values))} to ${show(Math.max(...values))}`;

export function summary(outcome: KillOutcome): string[] {
  const { tally, seconds, lives, verifiers, retries, rewrites, listings, samples, lastSamples } = outcome;
  const rss = (of: typeof samples) =>
    range(
      of.map(({ rssBytes }) => rssBytes),
      mib,
    );
  const { descriptors, stateBytes, growth, failures } = outcome;
  return [
    `${lives.kills} kills (${lives.earlyKills} before the server served), ${lives.stops} stops; ${tally.calls} operations in ${seconds.toFixed(0)} s; a start took ${lives.startMsMax.toFixed(0)} ms at most, a stop ${lives.stopMsMax} ms`,
    `${retries.acrossEnds} calls were under way when a server ended; executed twice: ${counted(retries.secondTime) || 'none'}; ${retries.halfMade} files half-made; ${retries.jukebox} times "come again later"`,
    `${verifiers.count} write verifiers; ${rewrites.commits} commits, ${rewrites.refused} refused because of the verifier, ${rewrites.rewritten} writes sent again, ${rewrites.roundsMax} rounds at most`,
    `${listings.whole} listings in ${listings.pages} pages, ${listings.acrossEnds} of them across the end of a server`,
    `resident before the ends ${rss(samples)}; of the last server ${rss(lastSamples)}${growth === undefined ? '' : `, trend ${percent(growth.resident)}, of heaps and buffers ${percent(growth.kept)}`}`,
    `descriptors before the ends ${range(samples.map(one => one.descriptors), String)}; idle ${descriptors.idle}, of a new server ${descriptors.fresh}; state directory ${mib(stateBytes.max)} at most, ${mib(stateBytes.last)} at the end`, // prettier-ignore
    `procedures: ${counted(tally.byProcedure)}`,
    ...failures.slice(0, 30).map(failure => `FAILURE: ${failure}`),
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      ops: { type: 'string', default: '1000000' },
      mode: { type: 'string', default: 'both' },
      seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
      stages: { type: 'string', default: '2' },
      serve: { type: 'string', multiple: true, default: [] },
    },
  });
  const modes: Mode[] = values.mode === 'both' ? ['handles', 'index'] : [values.mode as Mode];
  const part = (value: string) => Math.ceil(Number(value) / modes.length);
  let failed = false;
  for (const mode of modes) {
    const [kills, ops, seed, stages] = [
      part(values.kills),
      part(values.ops),
      Number(values.seed),
      Number(values.stages),
    ];
    say(`# ${mode}: ${kills} kills, ${ops} operations, seed ${seed}`);
    let next = 0;
    const progress = (line: string) => {
      if (performance.now() < next) return;
      next = performance.now() + PROGRESS_EVERY_MS;
      say(line);
    };
    const outcome = await killing({ kills, ops, mode, seed, stages, serve: values.serve, progress });
    for (const line of summary(outcome)) say(line);
    failed ||= outcome.failures.length > 0;
  }
  process.exitCode = failed ? 1 : 0;
}
