/**
 * The permission check of open(2), for callers that open files. What is done with an fd then needs no further permission,
 * and can be done after the last name was removed. NFSv3 opens nothing: each of its READs and WRITEs is checked instead
 * (read.ts, write.ts).
 */
import { Access, type Opened } from '../../../../graph/fops.ts';
import type { Frame, Identity } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import {
  AT_FDCWD,
  FMODE_EXEC,
  O_CLOEXEC,
  O_PATH,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  S_IFMT,
  S_IFREG,
} from '../../../../sys/constants.ts';
import { fsError } from '../../../../sys/failure.ts';
import { procFd } from '../../../../sys/files/names.ts';
import { openat } from '../../../../sys/libc.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import type { Stat } from '../../../../sys/files/statx.ts';
import type { Brick } from '../brick.ts';
import type { Descriptor } from '../objects/descriptors.ts';
import type { PosixObject } from '../objects/object.ts';
import type { Objects } from '../objects/objects.ts';
import { permitted } from '../permission.ts';
import { requireFile } from './read.ts';
import { truncateTo } from '../setattr.ts';

/** The bits of the flags of open(2) that tell reading from writing. */
const O_ACCMODE = 3;

/**
 * Checks whether the caller may open an object, which is open as `fd`, with these flags of open(2). The owner of a file
 * always may, as in READ and WRITE, and one that is to be executed need not be readable.
 * @throws {FsError} EACCES
 */
export function checkOpen(object: PosixObject, seen: Stat, fd: number, identity: Identity, flags: number): void {
  const mode = flags & O_ACCMODE;
  const toRead = (flags & FMODE_EXEC) === 0 ? Access.READ : Access.EXECUTE;
  const mask = mode === O_RDONLY ? toRead : mode === O_WRONLY ? Access.WRITE : Access.READ | Access.WRITE;
  const owns = (seen.mode & S_IFMT) === S_IFREG && seen.uid === uidOf(identity);
  if (!owns && permitted(object, seen, fd, identity, mask) !== mask) throw fsError('EACCES', 'open');
}

/** Ends what {@link openFor} has begun. */
export type Release = () => void;

/**
 * Keeps an object open, also after its last name was removed, until the function that is returned is called. Other
 * descriptors of it may be closed meanwhile, and are opened again through this one.
 */
export function keepOpen(objects: Objects, object: PosixObject): Release {
  if (object === objects.root) return () => {};
  const { path = addPath(objects, object) } = object;
  object.opens++;
  path.pin();
  return () => {
    object.opens--;
    path.unpin();
    if (object.opens === 0 && object.removed) object.discard();
  };
}

/** Opens the path descriptor of an object, which may be open as a file and have no name. */
function addPath(objects: Objects, object: PosixObject): Descriptor {
  const from = objects.fd(object);
  if (object.path !== undefined) return object.path;
  const fd = objects.caches.opened(() => openat(AT_FDCWD, procFd(from), O_PATH | O_CLOEXEC, 0), 'open');
  return (object.path = objects.caches.paths.add(object, fd));
}

/**
 * Checks an open by the caller as {@link checkOpen} does, truncates the file if O_TRUNC is set, and keeps the object open.
 */
export function openFor(brick: Brick, frame: Frame, inode: Inode, flags: number, type?: FileType): Release {
  if (type === FileType.DIR && inode.type !== FileType.DIR) throw fsError('ENOTDIR', 'opendir');
  if (type === undefined) requireFile(inode.type);
  const { objects } = brick;
  const object = objects.of(inode);
  const seen = objects.stat(object);
  checkOpen(object, seen, objects.fd(object), frame.identity, flags);
  if ((flags & O_TRUNC) !== 0) truncateTo(brick, object, seen, frame.identity, 0);
  return keepOpen(objects, object);
}

/** The answer to an open. The fd that is made of it calls `release` when it is no longer used. */
export const openedUntil = (slot: number, release: Release): Opened => ({
  notes: { slot, value: release, next: undefined },
});
