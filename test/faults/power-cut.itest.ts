/**
 * Cuts the power in the middle of work: what was promised is on the disk. `node test/faults/power-cut.ts` does more of
 * it.
 */
import t, { type Test } from 'tap';
import { enterNamespaces } from '../support/namespace.ts';
import { PROMISES, summary } from './power-cut.ts';
import { type Kind, whyNot } from './power-cut/disk.ts';
import { type CutOptions, type CutOutcome, cutting } from './power-cut/run.ts';

enterNamespaces(import.meta.filename);

const SEED = Number(process.env['POWER_SEED'] ?? Date.now() % 1_000_000);
const ON_MS = 1000;
const BASE = {
  kind: 'ext4',
  mode: 'handles',
  onMs: ON_MS,
  seed: SEED,
  promise: PROMISES['commits']!,
  serve: [],
} as const;
const METADATA = { promise: PROMISES['metadata']! };
const SYNC_METADATA = ['--xlator-option', 'data-posix.sync-metadata=on'];

t.setTimeout(5 * 60_000);

type More = Partial<CutOptions> & { readonly cuts: number };

function onDisk(kind: Kind, name: string, more: More, judge: (t: Test, outcome: CutOutcome) => void): void {
  const why = whyNot(kind);
  const skip = why !== undefined && `the power of no ${kind} can be cut: ${why}`;
  void t.test(`${name}, seed ${SEED}`, { skip }, async t => {
    const outcome = await cutting({ ...BASE, kind, ...more });
    for (const line of summary(outcome)) t.comment(line);
    judge(t, outcome);
  });
}

function nothingIsLost(t: Test, { failures }: CutOutcome): void {
  t.strictSame(failures, [], 'everything that was promised is there');
}

onDisk('ext4', 'stable writes and commits', { cuts: 2 }, nothingIsLost);
onDisk('ext4', 'stable writes and commits, with the index', { cuts: 2, mode: 'index' }, nothingIsLost);
onDisk('ext4', 'sync-metadata', { cuts: 1, ...METADATA, serve: SYNC_METADATA }, nothingIsLost);
onDisk(
  'ext4',
  'sync-metadata, with the index',
  { cuts: 1, mode: 'index', ...METADATA, serve: SYNC_METADATA },
  nothingIsLost,
);

// Where nothing is promised, the same checks must find losses. Otherwise the tests above could not fail.

function somethingIsLost(t: Test, { failures }: CutOutcome): void {
  t.not(failures.length, 0, 'changes that were not synced are lost');
  for (const failure of failures)
    t.match(failure, /is lost|is gone|bytes, and may have|never had these names|the handle of/);
}

const TRUSTING = ['--xlator-option', 'nfs-server.nfs3.data.trusted-sync=on'];
onDisk('ext4', 'trusted-sync loses stable writes', { cuts: 5, serve: TRUSTING }, somethingIsLost);
onDisk('ext4', 'without sync-metadata names are lost', { cuts: 5, ...METADATA }, somethingIsLost);
