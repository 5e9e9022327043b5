/** Reading files: what is in memory is answered at once, the rest is read by the thread pool. */
import { read as readPooled } from 'node:fs';
import { ERRNO } from '../../../../errno.ts';
import { Access, type ReadReply } from '../../../../graph/fops.ts';
import { requireBelowMax } from '../../../../graph/fops/range.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { RWF_NOWAIT } from '../../../../sys/constants.ts';
import { fsError, lastError, systemError } from '../../../../sys/failure.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import { errno, pread, preadv2 } from '../../../../sys/libc.ts';
import type { Stat } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import type { Brick } from '../brick.ts';
import type { PooledBuffer } from './buffers.ts';
import type { Descriptor } from '../objects/descriptors.ts';
import { openFile } from './files.ts';
import type { PosixObject } from '../objects/object.ts';
import { permitted } from '../permission.ts';
import { withWcc } from '../failure.ts';

/** The largest size that is read at once, in bytes. Clients cannot ask for as much. */
const READ_MAX = 16 * 1024 * 1024;

export function read(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  size: number,
  offset: number,
  opened = false,
): ReadReply | Promise<ReadReply> {
  requireFile(inode.type);
  // No file reaches that far, so the answer is the end of the file.
  if (offset > Number.MAX_SAFE_INTEGER) offset = Number.MAX_SAFE_INTEGER;
  refuseRange(offset, 0);
  const object = brick.objects.of(inode);
  const file = openFile(brick, object, false, frame.identity);
  const wanted = Math.min(size, READ_MAX);
  const buffer = brick.buffers.take(wanted);
  try {
    const count = readNow(object, file, buffer, wanted, offset);
    // Attributes and permissions are asked for after the data was read, so that the attributes are not older than the
    // data. What a caller may not read is not handed out.
    const seen = askPermitted(brick, object, file, frame, opened);
    if (count === wanted || offset + count >= seen.size) return reply(brick, object, seen, buffer, count, offset);
    return readRest(brick, frame, object, buffer, { wanted, offset, count });
  } catch (error) {
    brick.buffers.give(buffer);
    throw error;
  }
}

/** Throws unless the object is a regular file, which alone has data. */
export function requireFile(type: FileType): void {
  if (type === FileType.REG) return;
  throw fsError(type === FileType.DIR ? 'EISDIR' : 'EINVAL', 'only a file has data');
}

/** Refuses a range that no file can have. */
export function refuseRange(offset: number, size: number): void {
  if (!(offset >= 0)) throw fsError('EINVAL', 'a negative offset');
  requireBelowMax(offset + size);
}

/** Reads what is in memory, and returns how many bytes that was. */
function readNow(
  object: PosixObject,
  file: Descriptor,
  { bytes, iovec }: PooledBuffer,
  size: number,
  offset: number,
): number {
  const { mount } = object;
  if (mount.nowait) {
    iovec.writeUInt32LE(size, 8); // iov_len; its upper half is always 0
    const count = preadv2(file.fd, iovec, 1, offset, RWF_NOWAIT);
    if (count >= 0) return count;
    const number = errno();
    if (number === ERRNO.EAGAIN) return 0;
    if (number !== ERRNO.EOPNOTSUPP && number !== ERRNO.ENOSYS) throw systemError(number, 'read');
    mount.nowait = false;
  }
  if (!mount.inMemory) return 0;
  const count = pread(file.fd, bytes, size, offset);
  if (count < 0) throw lastError('read');
  return count;
}

/**
 * Returns the file's attributes if the caller may read it, or has opened it. The owner always may, and so may a caller who may execute the
 * file, since it is the client that reads a program to execute it.
 */
function askPermitted(
  { objects }: Brick,
  object: PosixObject,
  file: Descriptor,
  { identity }: Frame,
  opened: boolean,
): Stat {
  let seen = objects.look(object, file.fd);
  if (seen === undefined) throw lastError('statx');
  let { fd } = file;
  if (seen.nlink === 0 && object.opens === 0) {
    // This descriptor may be all that keeps the file: `stat` closes it and finds out.
    seen = objects.stat(object);
    fd = objects.fd(object);
  }
  if (opened || seen.uid === uidOf(identity)) return seen;
  if (permitted(object, seen, fd, identity, Access.READ) !== 0) return seen;
  if (permitted(object, seen, fd, identity, Access.EXECUTE) !== 0) return seen;
  throw withWcc(fsError('EACCES', 'read'), undefined, iattOf(object, seen));
}

function reply(
  brick: Brick,
  object: PosixObject,
  seen: Stat,
  whole: PooledBuffer,
  count: number,
  offset: number,
): ReadReply {
  const eof = offset + count >= seen.size;
  const iatt = iattOf(object, seen);
  const buffer = fitting(brick, whole, count); // nothing after this may fail, since it gives `whole` back
  return { data: buffer.bytes.subarray(0, count), eof, iatt, release: () => brick.buffers.give(buffer) };
}

/** Moves a short result, at the end of a file, to a small buffer, since the reply may wait long for its client. */
function fitting({ buffers }: Brick, whole: PooledBuffer, count: number): PooledBuffer {
  if (whole.bytes.length <= 2 * buffers.sizeFor(count)) return whole;
  const small = buffers.take(count);
  whole.bytes.copy(small.bytes, 0, 0, count);
  buffers.give(whole);
  return small;
}

interface Progress {
  readonly wanted: number;
  readonly offset: number;
  count: number;
}

/** Reads in the thread pool what is not in memory, after the `progress.count` bytes that `buffer` has already. */
async function readRest(
  brick: Brick,
  frame: Frame,
  object: PosixObject,
  buffer: PooledBuffer,
  progress: Progress,
): Promise<ReadReply> {
  const file = openFile(brick, object, false, frame.identity);
  file.pin();
  try {
    const { wanted, offset } = progress;
    while (progress.count < wanted) {
      const count = await brick.pool.run(() =>
        readSome(file.fd, buffer.bytes, progress.count, wanted - progress.count, offset),
      );
      if (count === 0) break;
      progress.count += count;
    }
    const seen = brick.objects.look(object, file.fd);
    if (seen === undefined) throw lastError('statx');
    return reply(brick, object, seen, buffer, progress.count, offset);
  } catch (error) {
    brick.buffers.give(buffer);
    throw error;
  } finally {
    file.unpin();
  }
}

function readSome(fd: number, into: Buffer, at: number, size: number, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    readPooled(fd, into, at, size, offset + at, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}
