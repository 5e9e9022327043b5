/** Finds where a file has data and where it has holes. */
import { Access } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Fd } from '../../../../graph/inode.ts';
import { SEEK_DATA, SEEK_HOLE } from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { lseek } from '../../../../sys/libc.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import type { Brick } from '../brick.ts';
import { permitted } from '../permission.ts';
import { openFile } from './files.ts';
import { refuseRange, requireFile } from './read.ts';

/** Returns where data, or a hole, begins at `offset` or after it. ENXIO past the end. */
export function seek(brick: Brick, frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole'): number {
  const { inode } = fd;
  requireFile(inode.type);
  refuseRange(offset, 0);
  const { objects } = brick;
  const { identity } = frame;
  const object = objects.of(inode);
  const seen = objects.stat(object);
  const may = !fd.anonymous || seen.uid === uidOf(identity);
  if (!may && permitted(object, seen, objects.fd(object), identity, Access.READ) === 0) {
    throw fsError('EACCES', 'seek');
  }
  const file = openFile(brick, object, false, identity);
  const at = lseek(file.fd, offset, what === 'data' ? SEEK_DATA : SEEK_HOLE);
  if (at < 0) throw lastError('lseek');
  return at;
}
