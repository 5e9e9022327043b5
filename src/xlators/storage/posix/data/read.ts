import { read as readPooled } from 'node:fs';
import { ERRNO } from '../../../../errno.ts';
import { Access, type ReadReply } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { RWF_NOWAIT } from '../../../../sys/constants.ts';
import { fsError, lastError, systemError } from '../../../../sys/failure.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import { errno, pread, preadv2 } from '../../../../sys/libc.ts';
import { stat, statFd } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import type { Brick } from '../brick.ts';
import type { PooledBuffer } from './buffers.ts';
import type { Descriptor } from '../objects/descriptors.ts';
import { openFile } from '../objects/files.ts';
import type { PosixObject } from '../objects/object.ts';
import { permitted } from '../permission.ts';
import { withWcc } from '../failure.ts';

/** Bytes: above all that a client may ask for. */
const READ_MAX = 16 * 1024 * 1024;

/** What is in memory is answered at once, the rest by the thread pool. */
export function read(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  size: number,
  offset: number,
): ReadReply | Promise<ReadReply> {
  refuseOthers(inode.type);
  // Beyond any end is the end.
  if (offset > Number.MAX_SAFE_INTEGER) offset = Number.MAX_SAFE_INTEGER;
  refuseRange(offset, 0);
  const object = brick.objects.of(inode);
  const file = openFile(brick, object, false, frame.identity);
  const wanted = Math.min(size, READ_MAX);
  const buffer = brick.buffers.take(wanted);
  try {
    const count = readNow(object, file, buffer, wanted, offset);
    // Asked after the data was read, so that the attributes are not older than the data; what was read for somebody who
    // may not is simply not handed out.
    mayRead(brick, object, file, frame);
    if (count === wanted || offset + count >= stat.size) return reply(brick, object, buffer, count, offset);
    return readRest(brick, frame, object, buffer, { wanted, offset, count });
  } catch (error) {
    brick.buffers.give(buffer);
    throw error;
  }
}

export function refuseOthers(type: FileType): void {
  if (type === FileType.REG) return;
  throw fsError(type === FileType.DIR ? 'EISDIR' : 'EINVAL', 'only a file has data');
}

/** What is no offset, or beyond the largest one: a file cannot be that large. */
export function refuseRange(offset: number, size: number): void {
  if (!(offset >= 0)) throw fsError('EINVAL', 'a negative offset');
  if (offset + size > Number.MAX_SAFE_INTEGER) throw fsError('EFBIG', 'an offset above 2^53');
}

/** How much of it was in memory; 0 also when nothing was. */
function readNow(
  object: PosixObject,
  file: Descriptor,
  { bytes, iovec }: PooledBuffer,
  size: number,
  offset: number,
): number {
  const { mount } = object;
  if (mount.nowait) {
    iovec.writeUInt32LE(size, 8);
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

/** Leaves the attributes in `stat`. The owner may always; who may execute may read, as the client does it for him. */
function mayRead({ objects }: Brick, object: PosixObject, file: Descriptor, { identity }: Frame): void {
  if (statFd(file.fd) < 0) throw lastError('statx');
  const fd = stat.nlink === 0 ? objects.stat(object) : file.fd;
  if (stat.uid === uidOf(identity)) return;
  if (permitted(object, fd, identity, Access.READ) !== 0) return;
  if (permitted(object, fd, identity, Access.EXECUTE) !== 0) return;
  throw withWcc(fsError('EACCES', 'read'), undefined, iattOf(object));
}

/** Moves a short result, at the end of a file, to a small buffer, since it may wait for its client for long. */
function reply(brick: Brick, object: PosixObject, whole: PooledBuffer, count: number, offset: number): ReadReply {
  const eof = offset + count >= stat.size;
  const iatt = iattOf(object);
  const buffer = fitting(brick, whole, count); // the last that can fail: it gives `whole` back
  return { data: buffer.bytes.subarray(0, count), eof, iatt, release: () => brick.buffers.give(buffer) };
}

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
    if (statFd(file.fd) < 0) throw lastError('statx');
    return reply(brick, object, buffer, progress.count, offset);
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
