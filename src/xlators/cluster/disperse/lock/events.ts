/** What passes between the state machine of a transaction (`transaction.ts`) and those who do its I/O. */
import type { Errno } from '../../../../errno.ts';
import type { Bricks } from '../bricks.ts';

/** How an operation changes the inode: not at all, its metadata, or its data (of a directory, its entries) too. */
export type Change = 'nothing' | 'metadata' | 'data';

/** What an operation needs before it starts. */
export interface Wish {
  /** Whether others must not run on the same range; two that are not exclusive never exclude each other. */
  readonly exclusive: boolean;
  /** The bytes that it is about: from the first one to the one after the last. */
  readonly from: number;
  readonly to: number;
  /** It must know the size, and which bricks have the present content. */
  readonly info: boolean;
  readonly change: Change;
  /** The inode is marked before it even if all bricks are good, since a crash in the middle leaves them different. */
  readonly marks: boolean;
  /** What is only known here must be written before it starts. */
  readonly flush: boolean;
}

/** What an operation reports at its end. */
export interface Outcome {
  readonly changed: Change;
  /** Bricks of which it is not certain that they have the change. */
  readonly missed: Bricks;
  /** The size of the file, if the operation has set it. */
  readonly size?: number | undefined;
  /** Where the file ends at least, if the operation may have made it longer while others did so too. */
  readonly end?: number | undefined;
}

/** A pair of counters: of data and of metadata. */
export type Pair = readonly [data: number, metadata: number];

export type Action<Op> =
  /** Lock all at once, without waiting: `locked`. */
  | { readonly do: 'lock'; readonly bricks: Bricks }
  /** Wait for the lock of one brick: `granted`. */
  | { readonly do: 'wait'; readonly brick: number }
  | { readonly do: 'unlock'; readonly bricks: Bricks }
  /** Add to the counters, and read size and version: `prepared`. */
  | {
      readonly do: 'prepare';
      readonly bricks: Bricks;
      readonly info: boolean;
      readonly dirty: Pair;
      readonly version: Pair;
    }
  /** Add to the counters and to the size: `updated`. */
  | {
      readonly do: 'update';
      readonly bricks: Bricks;
      readonly size: number;
      readonly dirty: Pair;
      readonly version: Pair;
    }
  | { readonly do: 'start'; readonly op: Op }
  | { readonly do: 'fail'; readonly op: Op; readonly code: Errno }
  /** Report `timeout` after the time that a lock is kept for, unless `cancel` comes first. */
  | { readonly do: 'timer' }
  | { readonly do: 'cancel' }
  /** The size that was acknowledged is not on enough bricks, and the lock is gone: unstable writes are lost. */
  | { readonly do: 'lost' }
  /** What waits for the marks of what was missed can go on. */
  | { readonly do: 'settled' }
  /** Nothing is locked, and nothing waits. */
  | { readonly do: 'idle' };

export type Event<Op> =
  | { readonly is: 'entered'; readonly op: Op }
  | { readonly is: 'locked'; readonly granted: Bricks; readonly busy: Bricks; readonly code: Errno | undefined }
  | { readonly is: 'granted'; readonly brick: number; readonly code: Errno | undefined }
  | { readonly is: 'unlocked' }
  /** `good` have the present content and were marked, `failed` were not, `healing` are being made anew. */
  | {
      readonly is: 'prepared';
      readonly good: Bricks;
      readonly failed: Bricks;
      readonly healing: Bricks;
      readonly size: number | undefined;
      readonly code: Errno | undefined;
    }
  | { readonly is: 'left'; readonly op: Op; readonly outcome: Outcome }
  | { readonly is: 'updated'; readonly good: Bricks }
  /** Another client waits for the lock. */
  | { readonly is: 'contention' }
  | { readonly is: 'timeout' }
  | { readonly is: 'down'; readonly brick: number }
  | { readonly is: 'up'; readonly brick: number };

export interface TransactionConfig {
  /** How many bricks there are, how many are enough, and which are up. */
  readonly n: number;
  readonly k: number;
  readonly up: Bricks;
  /** Whether operations that need no mark do without it while all bricks are good. */
  readonly optimistic: boolean;
  /** Whether the inode has a version for sure, or needs none. If not, its first change gives it one. */
  readonly isVersioned: () => boolean;
}

/** Whether two operations must not run at the same time. */
export function excludes(a: Wish, b: Wish): boolean {
  return (a.exclusive || b.exclusive) && a.from < b.to && b.from < a.to;
}
