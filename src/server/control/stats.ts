/** What a graph has counted, as plain data that can be sent to another thread or process. */
import type { Graph } from '../../graph/graph.ts';
import { subtree } from '../../graph/subtree.ts';
import type { Xlator } from '../../graph/xlator.ts';
import type { InodeTableStats } from '../../inode/table.ts';
import { subvolumesOf } from '../../master/subvolumes-of.ts';
import { IoStats } from '../../xlators/debug/io-stats.ts';
import { type IoStatsSnapshot, mergeIoStats } from '../../xlators/debug/io-stats-snapshot.ts';

export interface VolumeStats {
  readonly name: string;
  readonly up: boolean;
  /** What the operator should know of now about the stage's xlators, see `Xlator.trouble`. */
  readonly troubles: readonly string[];
  readonly inodes: InodeTableStats;
  /** The statistics of each debug/io-stats on the way to the brick, by the xlator's name, the topmost first. */
  readonly io: Readonly<Record<string, IoStatsSnapshot>>;
}

export interface GraphStats {
  readonly volumes: readonly VolumeStats[];
  /** The number of calls in the graph. */
  readonly callsUnderWay: number;
  /** How many bytes of this thread's heap are used, and of buffers outside of the heap. */
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

export function graphStats(graph: Graph): GraphStats {
  const { heapUsed, external } = process.memoryUsage();
  return {
    volumes: subvolumesOf(graph).map(({ name, up, volume, top }) => ({
      name,
      up,
      troubles: troublesOf(top),
      inodes: volume.table.stats(),
      io: ioOf(top),
    })),
    callsUnderWay: graph.gate.inside,
    heapBytes: heapUsed,
    bufferBytes: external,
  };
}

const troublesOf = (top: Xlator): string[] =>
  subtree(top).flatMap(({ name, trouble }) => (trouble === undefined ? [] : [`${name}: ${trouble}`]));

function ioOf(top: Xlator): Record<string, IoStatsSnapshot> {
  const counting = subtree(top).filter(xlator => xlator instanceof IoStats);
  return Object.fromEntries(counting.map(xlator => [xlator.name, xlator.stats()]));
}

/** Merges the statistics of several stages by volume. A volume is up if it is up in all stages. */
export function mergeVolumes(stages: readonly GraphStats[]): VolumeStats[] {
  const byName = Map.groupBy(
    stages.flatMap(({ volumes }) => volumes),
    ({ name }) => name,
  );
  return [...byName].map(([name, parts]) => {
    const sum = (key: keyof InodeTableStats) => parts.reduce((total, { inodes }) => total + inodes[key], 0);
    const io = Object.keys(parts[0]!.io).map(xlator => {
      const snapshots = parts.map(part => part.io[xlator]).filter(snapshot => snapshot !== undefined);
      return [xlator, mergeIoStats(snapshots)] as const;
    });
    return {
      name,
      up: parts.every(({ up }) => up),
      // Every stage notices the same troubles, so those of the first are enough.
      troubles: parts[0]!.troubles,
      inodes: {
        inodes: sum('inodes'),
        inUse: sum('inUse'),
        limit: sum('limit'),
        purged: sum('purged'),
        cyclesRefused: sum('cyclesRefused'),
      },
      io: Object.fromEntries(io),
    };
  });
}
