/**
 * `node test/faults/lossy.ts [--ops N] [--stages N,N] [--loss P] [--dup P] … [--seed N] [--serve OPTION]…`: see
 * lossy/run.ts. The options for faults are those of proxy/proxy.ts. The default is 100,000 operations with one stage,
 * and as many with two. Exits with 1 if anything went wrong.
 */
import { parseArgs } from 'node:util';
import { lossy, type LossyOutcome } from './lossy/run.ts';
import { FAULT_OPTIONS, faultsOf } from './proxy/proxy.ts';

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** Lines of text about what was done, lost and sent again. */
export function lossySummary({
  tally,
  steps,
  seconds,
  network,
  retries,
  replyCaches,
  failures,
}: LossyOutcome): string[] {
  const procedures = [...tally.byProcedure].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
  const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  const caches = replyCaches.map(
    ({ kept, bytes, bytesMax, hits }) => `${hits} answered again, ${kept} kept in ${mib(bytes)} of ${mib(bytesMax)}`,
  );
  const { lostCalls, lostReplies, doubledCalls, doubledReplies, delayed, cut, connections } = network;
  const { resent, resentElsewhere, late } = retries;
  return [
    `${steps} operations in ${seconds.toFixed(0)} s, ${tally.calls} calls: ${procedures.join(', ')}`,
    `the network: ${network.calls} calls and ${network.replies} replies came; lost ${lostCalls} and ${lostReplies}, ` +
      `doubled ${doubledCalls} and ${doubledReplies}; ${delayed} delayed, ${cut} cuts, ${connections} connections`,
    `the clients: sent again ${resent} on the same connection, ${resentElsewhere} on the next; ${late} late answers`,
    ...caches.map((text, stage) => `the reply cache of stage ${stage}: ${text}`),
    ...failures.map(text => `FAILED: ${text}`),
    failures.length === 0 ? 'no failures' : `${failures.length} failures`,
  ];
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      ...FAULT_OPTIONS,
      ops: { type: 'string', default: '100000' },
      stages: { type: 'string', default: '1,2' },
      serve: { type: 'string', multiple: true, default: [] },
    },
  });
  const [ops, seed, ...stages] = [values.ops, values.seed, ...values.stages.split(',')].map(Number);
  const faults = faultsOf(values);
  let failed = false;
  for (const count of stages) {
    say(`=== ${ops} operations, ${count} stage(s), seed ${seed}`);
    const outcome = await lossy({ ops: ops!, seed: seed!, stages: count, serve: values.serve, faults });
    for (const line of lossySummary(outcome)) say(line);
    failed ||= outcome.failures.length > 0;
  }
  process.exitCode = failed ? 1 : 0;
}
