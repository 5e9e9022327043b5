import { write as writePooled } from 'node:fs';
import { ERRNO } from '../../../../errno.ts';
import { Access, Stable, type Written } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt, Wcc } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { asCaller, SERVER, uidOf } from '../../../../sys/process/identity.ts';
import { errno, pwrite } from '../../../../sys/libc.ts';
import { contextSwitches } from '../../../../sys/process/context-switches.ts';
import { statfs, statfsFd } from '../../../../sys/files/statfs.ts';
import { stat, statFd } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, iattNow } from '../brick.ts';
import type { Descriptor } from '../objects/descriptors.ts';
import { clearSetId, openFile, syncFile } from '../objects/files.ts';
import type { PosixObject } from '../objects/object.ts';
import { keepGrant, permitted } from '../permission.ts';
import { refuseOthers, refuseRange } from './read.ts';
import { withWcc } from '../failure.ts';

/** A write to memory that takes this long had to wait for the disk: there is too much not yet written back. */
const SLOW_MS = 20;
/** For how long writes are then left to the thread pool. */
const SLOW_FOR_MS = 500;
/** As much may well be under way in the thread pool. */
const NEAR_BYTES = 64 * 1024 * 1024;

interface Target {
  readonly object: PosixObject;
  readonly file: Descriptor;
  readonly before: Iatt;
}

export function write(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  data: Buffer,
  offset: number,
  stable: Stable,
): Written | Promise<Written> {
  if (brick.closer.crowded) return brick.closer.room().then(() => write(brick, frame, inode, data, offset, stable));
  refuseRange(offset, data.length);
  const target = prepare(brick, frame, inode);
  const start = performance.now();
  const { object, file, before } = target;
  if (start < brick.slowWritesUntilMs && !nearReserve(file.fd, frame)) {
    return writeLater(brick, frame, target, data, offset, stable);
  }
  asCaller(frame.identity);
  const slept = start < brick.watchedWritesUntilMs ? contextSwitches() : Infinity;
  const count = writeNow(target, data, offset);
  if (performance.now() - start > SLOW_MS) {
    // On a busy machine a thread waits for its turn as well: only if it went to sleep was it for the disk.
    if (contextSwitches() > slept) brick.slowWritesUntilMs = start + SLOW_FOR_MS;
    else brick.watchedWritesUntilMs = start + SLOW_FOR_MS;
  }
  const after = afterWrite(object, file, before);
  file.dirty = true;
  const written = { count, stable, before, after };
  return stable === Stable.UNSTABLE ? written : durable(brick, object, file, written);
}

/**
 * Whether little is left but what the file system reserves for root. The pool's threads are root's and would fill that,
 * so callers write as themselves then, even if everybody has to wait for the disk.
 */
function nearReserve(fd: number, { identity }: Frame): boolean {
  if (uidOf(identity) === SERVER.uid || statfsFd(fd) < 0) return false;
  const { blocksFree, blocksAvailable, blockSize } = statfs;
  return blocksFree > blocksAvailable && blocksAvailable * blockSize < NEAR_BYTES;
}

/** As {@link write}, but only so many at a time: each keeps its descriptor open until the disk has answered. */
export async function writeStable(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  data: Buffer,
  offset: number,
  stable: Stable,
): Promise<Written> {
  await brick.syncs.enter();
  try {
    return await write(brick, frame, inode, data, offset, stable);
  } finally {
    brick.syncs.leave();
  }
}

/** Opens the file and asks whether the caller may write; its owner may, whatever the mode says. */
function prepare(brick: Brick, { identity }: Frame, inode: Inode): Target {
  refuseOthers(inode.type);
  const { objects } = brick;
  const object = objects.of(inode);
  const fd = objects.stat(object);
  const before = iattOf(object);
  try {
    if (stat.uid !== uidOf(identity) && permitted(object, fd, identity, Access.WRITE) === 0) {
      throw fsError('EACCES', 'write');
    }
    return { object, file: openFile(brick, object, true, identity), before };
  } catch (error) {
    throw withWcc(error, before, before);
  }
}

/** The bytes written: fewer than given only if no more could be. As the caller, so that the kernel clears set-id bits. */
function writeNow({ object, file, before }: Target, data: Buffer, offset: number): number {
  let count = 0;
  while (count < data.length) {
    const rest = count === 0 ? data : data.subarray(count);
    const written = pwrite(file.fd, rest, rest.length, offset + count);
    if (written > 0) count += written;
    else if (written < 0 && errno() === ERRNO.EINTR) continue;
    else if (count > 0) break;
    else throw withWcc(written < 0 ? lastError('write') : fsError('EIO', 'write'), before, iattNow(object, file.fd));
  }
  return count;
}

/** The attributes after a change of ours; permissions stay what they were if owner and mode did. */
function afterWrite(object: PosixObject, file: Descriptor, before: Iatt): Iatt | undefined {
  if (statFd(file.fd) < 0) return undefined;
  const same = (stat.mode & 0o7777) === before.mode && stat.uid === before.uid && stat.gid === before.gid;
  if (same) keepGrant(object, before.ctime, before.ctimeNsec);
  return iattOf(object);
}

/** The descriptor that was written through must be the one that is synced: an error is told only there. */
async function durable(brick: Brick, object: PosixObject, file: Descriptor, written: Written): Promise<Written> {
  file.pin();
  try {
    await syncFile(brick, object, written.stable === Stable.DATA_SYNC);
    return written;
  } catch (error) {
    throw withWcc(error, written.before, written.after);
  } finally {
    file.unpin();
  }
}

/** In the thread pool, with the server's rights: what the kernel does on a caller's write is done here. */
async function writeLater(
  brick: Brick,
  frame: Frame,
  { object, file, before }: Target,
  data: Buffer,
  offset: number,
  stable: Stable,
): Promise<Written> {
  if (data.length > 0) clearSetId(file.fd, frame.identity, before);
  file.pin();
  let count = 0;
  try {
    count = await brick.pool.run(() => writeAll(file.fd, data, offset));
    file.dirty = true;
    // Others' changes may have come in between, so there is no telling what was right before.
    const after = iattNow(object, file.fd);
    if (stable === Stable.UNSTABLE) return { count, stable, before: undefined, after };
    return await durable(brick, object, file, { count, stable, before: undefined, after });
  } finally {
    file.unpin();
  }
}

async function writeAll(fd: number, data: Buffer, offset: number): Promise<number> {
  let count = 0;
  while (count < data.length) {
    try {
      const written = await writeSome(fd, data, count, offset + count);
      if (written === 0) break;
      count += written;
    } catch (error) {
      if (count === 0) throw error;
      break;
    }
  }
  return count;
}

function writeSome(fd: number, data: Buffer, at: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writePooled(fd, data, at, data.length - at, offset, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

/** Makes durable what was written, and answers with how the file is then. */
export async function commit(brick: Brick, inode: Inode, dataOnly: boolean): Promise<Wcc> {
  refuseOthers(inode.type);
  const { objects } = brick;
  await brick.syncs.enter();
  try {
    const object = objects.of(inode);
    objects.stat(object);
    const before = iattOf(object);
    try {
      await syncFile(brick, object, dataOnly);
    } catch (error) {
      throw withWcc(error, before, before);
    }
    const fd = objects.stat(object);
    return { before, after: iattNow(object, fd) };
  } finally {
    brick.syncs.leave();
  }
}
