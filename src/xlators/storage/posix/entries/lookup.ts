/** Finds objects, and asks about them. */
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
import { note } from '../objects/finder.ts';
import { noteAncestors } from '../objects/note-ancestors.ts';
import type { PosixObject } from '../objects/object.ts';
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
    const iatt = isDot(name) ? dotted(brick, frame, dir, fd, name) : named(brick, frame, fd, dir, name);
    if (iatt !== undefined) return { iatt, parent: iattOf(dir, objects.stat(dir)) };
    number = errno();
  } catch (error) {
    // If the directory was removed, this throws ESTALE, which is the answer then.
    throw withWcc(error, undefined, iattOf(dir, objects.stat(dir)));
  }
  // Clients often ask for names that do not exist, so the error is made in one step.
  throw failedWith(number, 'lookup', { before: undefined, after: iattOf(dir, objects.stat(dir)) });
}

/** Returns the attributes of the object called `name`; `undefined` with errno if it is not found. */
function named({ objects }: Brick, frame: Frame, fd: number, dir: PosixObject, name: string): Iatt | undefined {
  asCaller(frame.identity);
  const bytes = cName(name);
  const seen = statName(fd, bytes);
  if (seen === undefined) return undefined;
  const object = objects.named(fd, bytes, seen);
  note(objects.finder, object, dir, name);
  return iattOf(object, seen);
}

function dotted(brick: Brick, frame: Frame, dir: PosixObject, fd: number, name: string): Iatt {
  const object = name === '.' ? dir : above(brick, frame, dir, fd);
  return iattOf(object, brick.objects.stat(object));
}

/**
 * Returns the parent directory. ESTALE if that is outside of the volume, since the directory was moved: knfsd answers the
 * same for a directory that is not below its export.
 */
export function above({ objects }: Brick, frame: Frame, dir: PosixObject, fd: number): PosixObject {
  if (dir === objects.root) return dir;
  asCaller(frame.identity);
  const parent = objects.caches.opened(() => openat(fd, DOT_DOT, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), 'lookup of ..');
  let place: string | undefined;
  try {
    place = placeInVolume(objects, parent);
  } finally {
    if (place === undefined) close(parent);
  }
  if (place === undefined) throw fsError('ESTALE', 'the directory is not in the volume any more');
  const above = objects.takeOver(parent);
  noteAncestors(objects, above);
  return above;
}

export function discover({ objects }: Brick, gfid: Buffer, hint: Buffer | undefined): Found {
  const object = objects.find(gfid, hint);
  return { iatt: iattOf(object, objects.stat(object)) };
}

export function getattr({ objects }: Brick, inode: Inode): Iatt {
  const object = objects.of(inode);
  return iattOf(object, objects.stat(object));
}

export function access({ objects }: Brick, frame: Frame, inode: Inode, mask: number): { granted: number; iatt: Iatt } {
  const object = objects.of(inode);
  const seen = objects.stat(object);
  const granted = permitted(object, seen, objects.fd(object), frame.identity, mask);
  return { granted, iatt: iattOf(object, seen) };
}

export function readlink({ objects }: Brick, inode: Inode): { target: string; iatt: Iatt } {
  const object = objects.of(inode);
  const iatt = iattOf(object, objects.stat(object));
  if (iatt.type !== FileType.LNK) throw withWcc(fsError('EINVAL', 'readlink of no symlink'), undefined, iatt);
  const length = readlinkat(objects.fd(object), EMPTY, text, PATH_MAX);
  if (length < 0) throw withWcc(lastError('readlink'), undefined, iatt);
  const target = text.toString('latin1', 0, length);
  return { target, iatt: iattOf(object, objects.stat(object)) }; // reading it may have changed its atime
}
