/** Where a file has data and where it has holes. */
import { Access } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Wcc } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  SEEK_DATA,
  SEEK_HOLE,
} from '../../../../sys/constants.ts';
import { fsError, lastError, systemError } from '../../../../sys/failure.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import { fallocatePooled, lseek } from '../../../../sys/libc.ts';
import { stat } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, iattNow } from '../brick.ts';
import { clearSetId, openFile } from '../objects/files.ts';
import { permitted } from '../permission.ts';
import { refuseOthers, refuseRange } from './read.ts';
import { withWcc } from '../failure.ts';

/** ENXIO past the end. */
export function seek(brick: Brick, frame: Frame, inode: Inode, offset: number, what: 'data' | 'hole'): number {
  refuseOthers(inode.type);
  refuseRange(offset, 0);
  const { objects } = brick;
  const object = objects.of(inode);
  const fd = objects.stat(object);
  if (stat.uid !== uidOf(frame.identity) && permitted(object, fd, frame.identity, Access.READ) === 0) {
    throw fsError('EACCES', 'seek');
  }
  const file = openFile(brick, object, false, frame.identity);
  const at = lseek(file.fd, offset, what === 'data' ? SEEK_DATA : SEEK_HOLE);
  if (at < 0) throw lastError('lseek');
  return at;
}

export const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
export const ZERO = FALLOC_FL_ZERO_RANGE;

/** fallocate(2), in the thread pool; `mode` is its own. */
export async function allocate(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  mode: number,
  offset: number,
  length: number,
): Promise<Wcc> {
  refuseOthers(inode.type);
  refuseRange(offset, length);
  const { objects } = brick;
  const object = objects.of(inode);
  const fd = objects.stat(object);
  const before = iattOf(object);
  if (stat.uid !== uidOf(frame.identity) && permitted(object, fd, frame.identity, Access.WRITE) === 0) {
    throw withWcc(fsError('EACCES', 'fallocate'), before, before);
  }
  const file = openFile(brick, object, true, frame.identity);
  clearSetId(file.fd, frame.identity, before);
  file.pin();
  try {
    const { result, errno } = await brick.pool.run(() => fallocatePooled(file.fd, mode, offset, length));
    file.dirty = true;
    const after = iattNow(object, file.fd);
    if (result < 0) throw withWcc(systemError(errno, 'fallocate'), undefined, after);
    return { before: undefined, after };
  } finally {
    file.unpin();
  }
}
