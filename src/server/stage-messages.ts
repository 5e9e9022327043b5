/** What the main thread and the stages send each other. It is plain data, since it is posted from thread to thread. */
import type { WatchMemory } from '../graph/live/brick-watch.ts';
import type { ReplyCacheStats } from '../rpcsvc/duplicates/reply-cache.ts';
import type { ClientStats } from '../rpcsvc/stage.ts';
import type { GraphStats } from './control/stats.ts';

/** A program that a stage serves. */
export interface ServedProgram {
  readonly name: string;
  readonly number: number;
  readonly version: number;
  readonly udp: boolean;
}

/** The statistics of a stage. */
export interface StageStats {
  readonly stage: number;
  readonly connections: number;
  readonly clients: readonly ClientStats[];
  readonly replies: ReplyCacheStats;
  readonly graph: GraphStats;
  /** How long the stage has not answered, in milliseconds. The other values are then those that it reported last. */
  readonly silentMs?: number;
}

/** A volfile that a stage should load, with the numbers of its bricks for {@link WatchMemory}. */
export interface NewVolfile {
  readonly text: string;
  readonly bricks: WatchMemory['bricks'];
}

/** What a stage reports when it is up. */
export interface Started {
  readonly programs: readonly ServedProgram[];
  readonly stats: StageStats;
}
