import type { Fop } from '../../graph/fops.ts';

/** Bucket 0 is below a microsecond, bucket n from 2^(n-1) to below 2^n microseconds, the last all that is longer. */
export const HISTOGRAM_LENGTH = 28;

export interface FopStats {
  /** Answered, errors among them. */
  readonly calls: number;
  readonly underWay: number;
  readonly errors: number;
  /** Microseconds. */
  readonly usTotal: number;
  readonly usMax: number;
  readonly histogram: readonly number[];
}

/** What `debug/io-stats` has counted. */
export interface IoStatsSnapshot {
  /** For how long it has counted. */
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Without those that were never called. */
  readonly fops: Partial<Record<Fop, FopStats>>;
}

function mergeFop(a: FopStats, b: FopStats): FopStats {
  return {
    calls: a.calls + b.calls,
    underWay: a.underWay + b.underWay,
    errors: a.errors + b.errors,
    usTotal: a.usTotal + b.usTotal,
    usMax: Math.max(a.usMax, b.usMax),
    histogram: a.histogram.map((count, i) => count + b.histogram[i]!),
  };
}

/** What several have counted, of several stages or volumes, as one. */
export function mergeIoStats(snapshots: readonly IoStatsSnapshot[]): IoStatsSnapshot {
  const fops: IoStatsSnapshot['fops'] = {};
  let [seconds, bytesRead, bytesWritten] = [0, 0, 0];
  for (const snapshot of snapshots) {
    seconds = Math.max(seconds, snapshot.seconds);
    bytesRead += snapshot.bytesRead;
    bytesWritten += snapshot.bytesWritten;
    for (const [name, stats] of Object.entries(snapshot.fops)) {
      const fop = name as Fop;
      fops[fop] = fops[fop] ? mergeFop(fops[fop], stats) : stats;
    }
  }
  return { seconds, bytesRead, bytesWritten, fops };
}

/**
 * The latency in microseconds that `share` (0 to 1) of the calls did not exceed: the upper end of its bucket, or the
 * longest there was; 0 when nothing was measured.
 */
export function percentileUs({ histogram, usMax }: FopStats, share: number): number {
  const measured = histogram.reduce((sum, count) => sum + count, 0);
  let left = Math.ceil(measured * share);
  if (left === 0) return 0;
  const bucket = histogram.findIndex(count => (left -= count) <= 0);
  return Math.min(2 ** bucket, usMax);
}
