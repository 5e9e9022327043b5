/**
 * `node test/faults/power-cut.ts [--cuts 20] [--on-ms 3000] [--kind ext4|xfs] [--mode handles|index]
 * [--promise commits|metadata] [--serve OPTION]… [--seed N]`: see power-cut/run.ts. Exits with 1 when anything was lost.
 */
import { parseArgs } from 'node:util';
import { enterNamespaces } from '../support/namespace.ts';
import type { Mode } from './kill/lives.ts';
import { type Kind, whyNot } from './power-cut/disk.ts';
import { type CutOutcome, cutting } from './power-cut/run.ts';
import type { Promise3 } from './power-cut/worker.ts';

export const PROMISES: Readonly<Record<string, Promise3>> = {
  /** Promises stable writes, COMMIT, and the order of changes to names and attributes. */
  commits: { metadata: false, syncs: true },
  /** Promises each change of names and attributes, without any other sync. */
  metadata: { metadata: true, syncs: false },
};

export const summary = ({ cuts, tally, lost, warnings, seconds, failures }: CutOutcome): string[] => [
  `${cuts} cuts, ${tally.calls} calls in ${seconds.toFixed(0)} s; ${lost} changes without a promise were lost`,
  ...[...warnings].map(([text, count]) => `warned ${count} times: ${text}`),
  ...failures.slice(0, 20).map(failure => `FAILURE: ${failure}`),
];

if (import.meta.main) {
  enterNamespaces(import.meta.filename);
  const { values } = parseArgs({
    options: {
      cuts: { type: 'string', default: '20' },
      'on-ms': { type: 'string', default: '3000' },
      kind: { type: 'string', default: 'ext4' },
      mode: { type: 'string', default: 'handles' },
      promise: { type: 'string', default: 'commits' },
      serve: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    },
  });
  const [kind, mode, seed] = [values.kind as Kind, values.mode as Mode, Number(values.seed)];
  const why = whyNot(kind);
  if (why !== undefined) throw new Error(`there is no disk whose power can be cut: ${why}`);
  const promise = PROMISES[values.promise]!;
  const metadata = promise.metadata ? ['--xlator-option', 'data-posix.sync-metadata=on'] : [];
  process.stdout.write(`# ${kind}, ${mode}, ${values.promise}: ${values.cuts} cuts, seed ${seed}\n`);
  const given = values.serve.flatMap(option => ['--xlator-option', option]);
  const options = { kind, mode, seed, promise, cuts: Number(values.cuts), onMs: Number(values['on-ms']) };
  const outcome = await cutting({ ...options, serve: [...metadata, ...given] });
  for (const line of summary(outcome)) process.stdout.write(`${line}\n`);
  process.exitCode = outcome.failures.length > 0 ? 1 : 0;
}
