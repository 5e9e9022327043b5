/**
 * `node test/soak/soak.ts [CALLS] [--stages 1,2] [--seed N] [--serve OPTION]… [--node OPTION]…`: see model/run.ts. The
 * default is a million calls with each number of stages. Exits with 1 if anything went wrong.
 */
import { parseArgs } from 'node:util';
import { type Outcome, soak } from './model/run.ts';
import type { Sample } from './model/server.ts';

const PROGRESS_S = 5;
const MiB = 1024 * 1024;

const COUNTED = new Set(['descriptors', 'inodes', 'names']);

const mib = (bytes: number) => `${(bytes / MiB).toFixed(1)} MiB`;
const say = (line: string) => void process.stdout.write(`${line}\n`);

function progress() {
  let next = 0;
  return (sample: Sample, seconds: number) => {
    if (seconds < next) return;
    next = seconds + PROGRESS_S;
    const { calls, rssBytes, heapBytes, bufferBytes, descriptors, inodes } = sample;
    const memory = `${mib(rssBytes)} resident, ${mib(heapBytes)} heap, ${mib(bufferBytes)} buffers`;
    say(`${seconds.toFixed(0).padStart(5)} s ${`${calls}`.padStart(8)} calls  ${memory}, ${descriptors} descriptors, ${inodes} inodes`); // prettier-ignore
  };
}

export function summary({
  tally,
  seconds,
  figures,
  warnings,
  exitCode,
  stopMs,
  descriptors,
  failures,
}: Outcome): string[] {
  const share = ((100 * tally.malformed) / tally.calls).toFixed(1);
  const shown = (name: string, value: number) => {
    if (name === 'descriptors per name') return value.toFixed(2);
    return COUNTED.has(name) ? value.toFixed(0) : mib(value);
  };
  const counts = (of: ReadonlyMap<string, number>) =>
    [...of].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`).join(', '); // prettier-ignore
  return [
    `${tally.calls} calls in ${seconds.toFixed(0)} s, ${(tally.calls / seconds).toFixed(0)}/s; ${share} % malformed; ${tally.retries} sent again`,
    '',
    'after the warm-up         first window   last window    trend',
    ...figures.map(({ name, first, last, growth, flat }) =>
      [
        name.padEnd(24),
        shown(name, first).padStart(14),
        shown(name, last).padStart(13),
        `${(growth * 100).toFixed(1)} %`.padStart(9),
        flat ? '' : '  not flat',
      ].join(''),
    ),
    '',
    `procedures: ${counts(tally.byProcedure)}`,
    `malformed, by kind: ${counts(tally.byKind)}`,
    `warnings logged: ${counts(warnings) || 'none'}`,
    `descriptors without connections: ${descriptors.before} at the start, ${descriptors.after} at the end`,
    `SIGTERM with calls under way: exit code ${exitCode} after ${stopMs} ms`,
    ...failures.map(text => `FAILED: ${text}`),
    failures.length === 0 ? 'no failures' : `${failures.length} failures`,
  ];
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      stages: { type: 'string', default: '1,2' },
      serve: { type: 'string', multiple: true, default: [] },
      node: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    },
  });
  const calls = Number(positionals[0] ?? 1_000_000);
  const stages = values.stages.split(',').map(Number);
  if (![calls, Number(values.seed), ...stages].every(Number.isInteger)) {
    process.stderr.write('usage: soak.ts [CALLS] [--stages N,N] [--seed N]\n');
    process.exit(2);
  }
  let failed = false;
  for (const count of stages) {
    say(`=== ${calls} calls, ${count} stage(s), seed ${values.seed}`);
    const outcome = await soak({
      calls,
      stages: count,
      seed: Number(values.seed),
      serve: values.serve,
      node: values.node,
      progress: progress(),
    });
    for (const line of summary(outcome)) say(line);
    failed ||= outcome.failures.length > 0;
  }
  process.exitCode = failed ? 1 : 0;
}
