import type { Frame } from '../../../graph/frame.ts';
import type { Iatt, Wcc } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Log } from '../../../log.ts';
import { fsError, lastError } from '../../../sys/failure.ts';
import { asCaller } from '../../../sys/process/identity.ts';
import { iattOf } from './attributes.ts';
import type { ReadBuffers } from './data/buffers.ts';
import type { FileCloser } from './data/file-closer.ts';
import type { PoolShare } from './data/pool-share.ts';
import type { Semaphore } from './data/semaphore.ts';
import { withWcc } from './failure.ts';
import type { PosixObject } from './objects/object.ts';
import type { Objects } from './objects/objects.ts';

/** What the parts of one brick share. */
export interface Brick {
  readonly objects: Objects;
  readonly buffers: ReadBuffers;
  readonly closer: FileCloser;
  readonly pool: PoolShare;
  /** Limits the calls that wait for the disk, each of which keeps a descriptor open. */
  readonly syncs: Semaphore;
  readonly log: Log;
  /** Whether each change of metadata is made durable before it is answered. */
  readonly syncMetadata: boolean;
  /** Must be called when writing back has failed, so that data answered as UNSTABLE may be lost. */
  dataLost(error: Error): void;
  /**
   * Until then writes go through the thread pool, since the kernel has made a writer wait; on the clock of
   * `performance.now()`.
   */
  slowWritesUntilMs: number;
  /** Until then it is checked whether the thread slept in writes that take long; on the same clock. */
  watchedWritesUntilMs: number;
}

/** The result of a change in a directory. */
export interface Changed<T> {
  readonly value: T;
  readonly wcc: Wcc;
  readonly dir: PosixObject;
  /** A new object. Its attributes may have been set by a second change after it was made. */
  readonly made?: PosixObject | undefined;
}

/**
 * Runs `change` as the caller on the directory's descriptor. The result, or the error, carries the directory's attributes
 * from right before and right after: nothing else of this event loop runs in between.
 */
export function inDirectory<T>(
  { objects }: Brick,
  frame: Frame,
  parent: Inode,
  change: (fd: number, dir: PosixObject) => T,
): Changed<T> {
  const dir = objects.of(parent);
  const before = iattOf(dir, objects.stat(dir));
  const fd = objects.fd(dir);
  let value: T;
  try {
    asCaller(frame.identity);
    value = change(fd, dir);
  } catch (error) {
    throw withWcc(error, before, iattNow(objects, dir, fd));
  }
  return { value, wcc: { before, after: iattNow(objects, dir, fd) }, dir };
}

/** Returns the present attributes of an object that is open as `fd`; `undefined` if the kernel does not tell them. */
export function iattNow(objects: Objects, object: PosixObject, fd: number): Iatt | undefined {
  const seen = objects.look(object, fd);
  return seen && iattOf(object, seen);
}

/** Like {@link iattNow}, but throws if the kernel does not tell them. */
export function iattNeeded(objects: Objects, object: PosixObject, fd: number): Iatt {
  const iatt = iattNow(objects, object, fd);
  if (iatt === undefined) throw lastError('statx');
  return iatt;
}

export const isDot = (name: string): boolean => name === '.' || name === '..';

/** Refuses to make an object called `.` or `..`, which always exist (RFC 1813, 3.3.8 and following). */
export function refuseDots(name: string): void {
  if (isDot(name)) throw fsError('EEXIST', `${name} is always there`);
}
