/** Writing files, in memory where the kernel takes the data at once, and making them durable. */
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
import { iattOf } from '../attributes.ts';
import { type Brick, iattNow } from '../brick.ts';
import type { Descriptor } from '../objects/descriptors.ts';
import { clearSetId, openFile, syncFile } from './files.ts';
import type { PosixObject } from '../objects/object.ts';
import { keepGrant, permitted } from '../permission.ts';
import { refuseRange, requireFile } from './read.ts';
import { withWcc } from '../failure.ts';

/** A write to memory that takes longer had to wait for the disk, since too much is not yet written back. */
const SLOW_MS = 20;
/** How long writes go through the thread pool after that. */
const SLOW_FOR_MS = 500;
/** The bytes that may be under way in the thread pool at the same time. */
const NEAR_BYTES = 64 * 1024 * 1024;

interface Target {
  readonly object: PosixObject;
  readonly file: Descriptor;
  readonly before: Iatt;
  /** Whether it is written to through an fd that the caller has opened. */
  readonly opened: boolean;
}

/**
 * Notes that the descriptor must not be closed before the data are durable, or an error of writing them back could go
 * unnoticed. What the caller keeps open stays in the kernel's memory together with its errors: the caller's fsync(2) finds
 * them, as it does on a file system of this machine, and without one they are its own risk.
 */
function noteDirty({ file, opened }: Target): void {
  if (!opened) file.dirty = true;
}

export function write(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  data: Buffer,
  offset: number,
  stable: Stable,
  opened = false,
): Written | Promise<Written> {
  if (brick.closer.crowded) {
    return brick.closer.room().then(() => write(brick, frame, inode, data, offset, stable, opened));
  }
  refuseRange(offset, data.length);
  const target = prepare(brick, frame, inode, opened);
  const start = performance.now();
  const { object, file } = target;
  if (start < brick.slowWritesUntilMs && !nearReserve(file.fd, frame)) {
    return writeLater(brick, frame, target, data, offset, stable);
  }
  asCaller(frame.identity);
  const slept = start < brick.watchedWritesUntilMs ? contextSwitches() : Infinity;
  const count = writeNow(brick, target, data, offset);
  if (performance.now() - start > SLOW_MS) {
    // On a busy machine a thread also waits for its turn. It waited for the disk only if it went to sleep.
    if (contextSwitches() > slept) brick.slowWritesUntilMs = start + SLOW_FOR_MS;
    else brick.watchedWritesUntilMs = start + SLOW_FOR_MS;
  }
  const after = afterWrite(brick, target);
  noteDirty(target);
  const written = { count, stable, before: target.before, after };
  return stable === Stable.UNSTABLE ? written : durable(brick, object, file, written);
}

/**
 * Whether little space is left besides what the file system reserves for root. The threads of the pool have root's rights
 * and would fill the reserve, so the write is then made with the caller's rights, even if the stage waits for the disk.
 */
function nearReserve(fd: number, { identity }: Frame): boolean {
  if (uidOf(identity) === SERVER.uid || statfsFd(fd) < 0) return false;
  const { blocksFree, blocksAvailable, blockSize } = statfs;
  return blocksFree > blocksAvailable && blocksAvailable * blockSize < NEAR_BYTES;
}

/**
 * Like {@link write}, with a limit on how many are under way, since each keeps its descriptor open until the disk has
 * answered.
 */
export async function writeStable(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  data: Buffer,
  offset: number,
  stable: Stable,
  opened = false,
): Promise<Written> {
  await brick.syncs.enter();
  try {
    return await write(brick, frame, inode, data, offset, stable, opened);
  } finally {
    brick.syncs.leave();
  }
}

/** Opens the file if the caller may write to it, or has opened it. Its owner may, whatever the mode says. */
function prepare(brick: Brick, { identity }: Frame, inode: Inode, opened: boolean): Target {
  requireFile(inode.type);
  const { objects } = brick;
  const object = objects.of(inode);
  const seen = objects.stat(object);
  const before = iattOf(object, seen);
  try {
    const may = opened || seen.uid === uidOf(identity);
    if (!may && permitted(object, seen, objects.fd(object), identity, Access.WRITE) === 0) {
      throw fsError('EACCES', 'write');
    }
    return { object, file: openFile(brick, object, true, identity), before, opened };
  } catch (error) {
    throw withWcc(error, before, before);
  }
}

/**
 * Writes with the caller's rights, so that the kernel clears set-id bits. Returns how many bytes were written: fewer than
 * given only if no more could be.
 */
function writeNow({ objects }: Brick, { object, file, before }: Target, data: Buffer, offset: number): number {
  let count = 0;
  while (count < data.length) {
    const rest = count === 0 ? data : data.subarray(count);
    const written = pwrite(file.fd, rest, rest.length, offset + count);
    if (written > 0) count += written;
    else if (written < 0 && errno() === ERRNO.EINTR) continue;
    else if (count > 0) break;
    else {
      const error = written < 0 ? lastError('write') : fsError('EIO', 'write');
      throw withWcc(error, before, iattNow(objects, object, file.fd));
    }
  }
  return count;
}

/** Returns the attributes after a write. The kernel's answer about permissions still holds if owner and mode are the same. */
function afterWrite({ objects }: Brick, { object, file, before }: Target): Iatt | undefined {
  const seen = objects.look(object, file.fd);
  if (seen === undefined) return undefined;
  const same = (seen.mode & 0o7777) === before.mode && seen.uid === before.uid && seen.gid === before.gid;
  if (same) keepGrant(object, seen, before.ctime, before.ctimeNsec);
  return iattOf(object, seen);
}

/** Syncs the descriptor that was written through, since the kernel reports an error only there. */
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

/**
 * Writes in the thread pool, with the server's rights. Set-id bits are cleared here, which the kernel does when a caller
 * writes.
 */
async function writeLater(
  brick: Brick,
  frame: Frame,
  target: Target,
  data: Buffer,
  offset: number,
  stable: Stable,
): Promise<Written> {
  const { object, file, before } = target;
  if (data.length > 0) clearSetId(file.fd, frame.identity, before);
  file.pin();
  let count = 0;
  try {
    count = await brick.pool.run(() => writeAll(file.fd, data, offset));
    noteDirty(target);
    // Other calls may have changed the file meanwhile, so its attributes right before the write are not known.
    const after = iattNow(brick.objects, object, file.fd);
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

/** Makes durable what was written, and returns the attributes of before and after that. */
export async function commit(brick: Brick, inode: Inode, dataOnly: boolean): Promise<Wcc> {
  requireFile(inode.type);
  const { objects } = brick;
  await brick.syncs.enter();
  try {
    const object = objects.of(inode);
    const before = iattOf(object, objects.stat(object));
    try {
      await syncFile(brick, object, dataOnly);
    } catch (error) {
      throw withWcc(error, before, before);
    }
    return { before, after: iattOf(object, objects.stat(object)) };
  } finally {
    brick.syncs.leave();
  }
}
