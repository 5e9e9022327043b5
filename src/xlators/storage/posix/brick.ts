import type { Frame } from '../../../graph/frame.ts';
import type { Iatt, Wcc } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Log } from '../../../log.ts';
import { fsError, lastError } from '../../../sys/failure.ts';
import { asCaller } from '../../../sys/process/identity.ts';
import { statFd } from '../../../sys/files/statx.ts';
import { iattOf } from './attributes.ts';
import type { ReadBuffers } from './data/buffers.ts';
import type { FileCloser } from './objects/files.ts';
import type { PosixObject } from './objects/object.ts';
import type { Objects } from './objects/objects.ts';
import type { PoolShare } from './data/pool-share.ts';
import type { Semaphore } from './data/semaphore.ts';
import { withWcc } from './failure.ts';

/** What the parts of one brick share. */
export interface Brick {
  readonly objects: Objects;
  readonly buffers: ReadBuffers;
  readonly closer: FileCloser;
  readonly pool: PoolShare;
  /** Calls that wait for the disk, each with a descriptor that cannot be closed meanwhile. */
  readonly syncs: Semaphore;
  readonly log: Log;
  /** Each change of metadata is durable before it is answered. */
  readonly syncMetadata: boolean;
  /** Data that was answered UNSTABLE may be lost: an error of writing back. */
  unstableLost(): void;
  /** Until when (ms) writes go through the thread pool, as the kernel was seen to make a writer wait. */
  slowWritesUntilMs: number;
  /** Until then it is looked at whether writes that take long have been asleep. */
  watchedWritesUntilMs: number;
}

/** What a change of a directory made of it. */
export interface Changed<T> {
  readonly value: T;
  readonly wcc: Wcc;
  readonly dir: PosixObject;
  /** A new object, whose attributes may have been set after it was made: by a change of its own. */
  readonly made?: PosixObject | undefined;
}

/**
 * Runs `change` as the caller on the directory's descriptor, with its attributes from right before and right after,
 * also if it throws. All in one go: nothing else of this event loop comes in between.
 */
export function inDirectory<T>(
  { objects }: Brick,
  frame: Frame,
  parent: Inode,
  change: (fd: number, dir: PosixObject) => T,
): Changed<T> {
  const dir = objects.of(parent);
  const fd = objects.stat(dir);
  const before = iattOf(dir);
  let value: T;
  try {
    asCaller(frame.identity);
    value = change(fd, dir);
  } catch (error) {
    throw withWcc(error, before, iattNow(dir, fd));
  }
  return { value, wcc: { before, after: iattNow(dir, fd) }, dir };
}

/** Its attributes as they are now; `undefined` if they cannot be had. */
export const iattNow = (object: PosixObject, fd: number): Iatt | undefined =>
  statFd(fd) < 0 ? undefined : iattOf(object);

/** As {@link iattNow}, for fops that cannot do without. */
export function iattNeeded(object: PosixObject, fd: number): Iatt {
  if (statFd(fd) < 0) throw lastError('statx');
  return iattOf(object);
}

export const isDot = (name: string): boolean => name === '.' || name === '..';

/** `.` and `..` are there already (RFC 1813, 3.3.8 and following). */
export function refuseDots(name: string): void {
  if (isDot(name)) throw fsError('EEXIST', `${name} is always there`);
}
