/** Allocates, punches and zeroes ranges of files. */
import { Access } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Wcc } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE } from '../../../../sys/constants.ts';
import { fsError, systemError } from '../../../../sys/failure.ts';
import { fallocatePooled } from '../../../../sys/libc.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, iattNow } from '../brick.ts';
import { withWcc } from '../failure.ts';
import { permitted } from '../permission.ts';
import { clearSetId, openFile } from './files.ts';
import { refuseRange, requireFile } from './read.ts';

export const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
export const ZERO = FALLOC_FL_ZERO_RANGE;

/** Calls fallocate(2) in the thread pool, with the `mode` of that call. */
export async function allocate(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  mode: number,
  offset: number,
  length: number,
  opened: boolean,
): Promise<Wcc> {
  requireFile(inode.type);
  refuseRange(offset, length);
  const { objects } = brick;
  const { identity } = frame;
  const object = objects.of(inode);
  const seen = objects.stat(object);
  const before = iattOf(object, seen);
  const may = opened || seen.uid === uidOf(identity);
  if (!may && permitted(object, seen, objects.fd(object), identity, Access.WRITE) === 0) {
    throw withWcc(fsError('EACCES', 'fallocate'), before, before);
  }
  const file = openFile(brick, object, true, identity);
  clearSetId(file.fd, identity, before);
  file.pin();
  try {
    const { result, errno } = await brick.pool.run(() => fallocatePooled(file.fd, mode, offset, length));
    file.dirty = true;
    const after = iattNow(objects, object, file.fd);
    if (result < 0) throw withWcc(systemError(errno, 'fallocate'), undefined, after);
    return { before: undefined, after };
  } finally {
    file.unpin();
  }
}
