import type { Fop } from '../../graph/fops.ts';

/**
 * The number of buckets of a histogram. Bucket 0 counts what took less than a microsecond, bucket n what took at least
 * 2^(n-1) and less than 2^n, and the last one everything that took longer.
 */
export const HISTOGRAM_LENGTH = 28;

export interface FopStats {
  /** The calls that were answered, including those that failed. */
  readonly calls: number;
  readonly underWay: number;
  readonly errors: number;
  /** The sum of all latencies in microseconds. */
  readonly usTotal: number;
  /** The longest latency in microseconds. */
  readonly usMax: number;
  readonly histogram: readonly number[];
}

/** What `debug/io-stats` has counted. */
export interface IoStatsSnapshot {
  /** For how many seconds it has counted. */
  readonly seconds: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** The fops that were called at least once. */
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

/** Adds up what was counted in several stages or volumes. */
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
