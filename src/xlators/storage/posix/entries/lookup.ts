/** Finding objects, and asking about them. */
import type { Found } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { asCaller } from '../../../../sys/process/identity.ts';
import { close, errno, openat, readlinkat } from '../../../../sys/libc.ts';
import { cName, DOT_DOT, EMPTY } from '../../../../sys/files/names.ts';
import { statName } from '../../../../sys/files/statx.ts';
import { placeInVolume } from '../objects/ancestry.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, isDot } from '../brick.ts';
import { noteWay } from '../index/ancestors.ts';
import type { PosixObject } from '../objects/object.ts';
import { note } from '../index/places.ts';
import { permitted } from '../permission.ts';
import { failedWith, withWcc } from '../failure.ts';

const PATH_MAX = 4096;
const text = Buffer.alloc(PATH_MAX);

export function lookup(brick: Brick, frame: Frame, parent: Inode, name: string): Found {
  const { objects } = brick;
  const dir = objects.of(parent);
  const fd = objects.fd(dir);
  let number = 0;
  try {
    const object = isDot(name) ? dotted(brick, frame, dir, fd, name) : named(brick, frame, fd, dir, name);
    if (object !== undefined) {
      const iatt = iattOf(object);
      objects.stat(dir);
      return { iatt, parent: iattOf(dir) };
    }
    number = errno();
  } catch (error) {
    objects.stat(dir); // ESTALE if it was removed: then that is the answer
    throw withWcc(error, undefined, iattOf(dir));
  }
  // Asking for what is not there is a common thing, and one error costs a microsecond.
  objects.stat(dir);
  throw failedWith(number, 'lookup', { before: undefined, after: iattOf(dir) });
}

/** `undefined` if it cannot be found, with errno. */
function named({ objects }: Brick, frame: Frame, fd: number, dir: PosixObject, name: string): PosixObject | undefined {
  asCaller(frame.identity);
  const bytes = cName(name);
  if (statName(fd, bytes) < 0) return undefined;
  const object = objects.seen(fd, bytes);
  note(objects.index, object, dir, name);
  return object;
}

function dotted(brick: Brick, frame: Frame, dir: PosixObject, fd: number, name: string): PosixObject {
  const object = name === '.' ? dir : above(brick, frame, dir, fd);
  if (object === dir) brick.objects.stat(dir);
  return object;
}

/**
 * Returns the parent directory, which is never outside of the volume, wherever a directory was moved to. ESTALE if it
 * would be, as knfsd answers for a directory to which its export does not lead.
 */
export function above({ objects }: Brick, frame: Frame, dir: PosixObject, fd: number): PosixObject {
  if (dir === objects.root) return dir;
  asCaller(frame.identity);
  const parent = objects.opened(() => openat(fd, DOT_DOT, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), 'lookup of ..');
  let place: string | undefined;
  try {
    place = placeInVolume(objects, parent);
  } finally {
    if (place === undefined) close(parent);
  }
  if (place === undefined) throw fsError('ESTALE', 'the directory is not in the volume any more');
  return noteWay(objects, objects.met(parent));
}

export function discover({ objects }: Brick, gfid: Buffer, hint: Buffer | undefined): Found {
  return { iatt: iattOf(objects.find(gfid, hint)) };
}

export function getattr({ objects }: Brick, inode: Inode): Iatt {
  const object = objects.of(inode);
  objects.stat(object);
  return iattOf(object);
}

export function access({ objects }: Brick, frame: Frame, inode: Inode, mask: number): { granted: number; iatt: Iatt } {
  const object = objects.of(inode);
  const fd = objects.stat(object);
  const granted = permitted(object, fd, frame.identity, mask);
  return { granted, iatt: iattOf(object) };
}

export function readlink({ objects }: Brick, inode: Inode): { target: string; iatt: Iatt } {
  const object = objects.of(inode);
  const fd = objects.stat(object);
  const iatt = iattOf(object);
  if (iatt.type !== FileType.LNK) throw withWcc(fsError('EINVAL', 'readlink of no symlink'), undefined, iatt);
  const length = readlinkat(fd, EMPTY, text, PATH_MAX);
  if (length < 0) throw withWcc(lastError('readlink'), undefined, iatt);
  const target = text.toString('latin1', 0, length);
  objects.stat(object); // reading it may have moved its atime
  return { target, iatt: iattOf(object) };
}
