/** Changes attributes, in an order in which each change takes effect: size, owner (clears set-id bits), mode, times. */
import { ftruncate as ftruncateByCallback } from 'node:fs';
import { promisify } from 'node:util';
import { Access, type SetAttr, type Time } from '../../../graph/fops.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../../sys/constants.ts';
import { fsError, lastError } from '../../../sys/failure.ts';
import { setMode, setOwner, setTimes } from '../../../sys/files/attributes.ts';
import { asCaller, asRoot, uidOf } from '../../../sys/process/identity.ts';
import { ftruncate } from '../../../sys/libc.ts';
import { type Stat, statFd } from '../../../sys/files/statx.ts';
import { iattOf } from './attributes.ts';
import { type Brick, iattNow } from './brick.ts';
import type { Descriptor } from './objects/descriptors.ts';
import { clearSetId, openFile } from './data/files.ts';
import type { PosixObject } from './objects/object.ts';
import { permitted } from './permission.ts';
import { refuseRange } from './data/read.ts';
import { withWcc } from './failure.ts';

/** A truncation that frees more bytes than this may take long. */
const LARGE = 64 * 1024 * 1024;
const ftruncatePooled = promisify(ftruncateByCallback);

/** What {@link SetAttr} holds besides the size. */
type Change = { readonly [K in Exclude<keyof SetAttr, 'size'>]?: SetAttr[K] | undefined };

/** With `opened` the caller has opened the file for writing, and may set the size whatever the mode says now. */
export function setattr(
  brick: Brick,
  frame: Frame,
  inode: Inode,
  attr: SetAttr,
  guard?: Time,
  opened = false,
): Wcc | Promise<Wcc> {
  const { objects } = brick;
  const object = objects.of(inode);
  const seen = objects.stat(object);
  const before = iattOf(object, seen);
  try {
    if (guard && (guard.sec !== before.ctime || guard.nsec !== before.ctimeNsec)) {
      throw fsError('EAGAIN', 'the object has changed since the guard');
    }
    const { size } = attr;
    if (size !== undefined && before.used - size > LARGE) {
      return shrink(brick, frame, object, seen, attr, before, opened);
    }
    if (size !== undefined) truncateTo(brick, object, seen, frame.identity, size, opened);
    change(object, objects.fd(object), frame.identity, withoutSize(attr), before);
  } catch (error) {
    throw withWcc(error, before, iattNow(objects, object, objects.fd(object)));
  }
  return { before, after: iattNow(objects, object, objects.fd(object)) };
}

/** Leaves out the size, and an mtime of now, which setting the size sets even for callers who are not the owner. */
function withoutSize({ uid, gid, mode, atime, mtime, size }: SetAttr): Change {
  return { uid, gid, mode, atime, mtime: size !== undefined && mtime === 'now' ? undefined : mtime };
}

/** Does the same for a file of which so much is freed that the thread pool must truncate it. */
async function shrink(
  brick: Brick,
  frame: Frame,
  object: PosixObject,
  seen: Stat,
  attr: SetAttr,
  before: Iatt,
  opened: boolean,
): Promise<Wcc> {
  const { objects } = brick;
  const file = fileToTruncate(brick, object, seen, frame.identity, attr.size!, opened);
  clearSetId(file.fd, frame.identity, before);
  file.pin();
  try {
    await brick.pool.run(() => ftruncatePooled(file.fd, attr.size!));
    file.dirty = true;
    change(object, file.fd, frame.identity, withoutSize(attr), before);
    // Other calls may have changed the file meanwhile, so its attributes right before the change are not known.
    return { before: undefined, after: iattNow(objects, object, file.fd) };
  } catch (error) {
    throw withWcc(error, undefined, iattNow(objects, object, file.fd));
  } finally {
    file.unpin();
  }
}

/** Sets the size of a file that `seen` describes. */
export function truncateTo(
  brick: Brick,
  object: PosixObject,
  seen: Stat,
  identity: Identity,
  size: number,
  opened = false,
): void {
  const file = fileToTruncate(brick, object, seen, identity, size, opened);
  asCaller(identity);
  if (ftruncate(file.fd, size) < 0) throw lastError('truncate');
  file.dirty = true;
}

/** Opens a file for writing if the caller may truncate it. Its owner may, whatever the mode says. */
function fileToTruncate(
  brick: Brick,
  object: PosixObject,
  seen: Stat,
  identity: Identity,
  size: number,
  opened: boolean,
): Descriptor {
  const type = seen.mode & S_IFMT;
  if (type !== S_IFREG) throw fsError(type === S_IFDIR ? 'EISDIR' : 'EINVAL', 'only a file has a size to set');
  const { objects } = brick;
  const may = opened || seen.uid === uidOf(identity);
  if (!may && permitted(object, seen, objects.fd(object), identity, Access.WRITE) === 0) {
    throw fsError('EACCES', 'truncate');
  }
  refuseRange(size, 0);
  return openFile(brick, object, true, identity);
}

/** Sets owner, mode and times of an object that is open as `fd` and had the attributes `before`. */
export function change(object: PosixObject, fd: number, identity: Identity, attr: Change, before: Iatt): void {
  asCaller(identity);
  const { uid, gid, mode, atime, mtime } = attr;
  if (uid !== undefined || gid !== undefined) setOwner(fd, uid, gid);
  // A symlink's mode has no meaning. Clients that restore trees set it nevertheless.
  if (mode !== undefined && before.type !== FileType.LNK) setMode(fd, mode);
  if (atime === undefined && mtime === undefined) return;
  // The kernel allows the owner alone to set one of the two times, even to now. NFS allows it to all who may write.
  const touchesOne = (atime === 'now' && mtime === undefined) || (mtime === 'now' && atime === undefined);
  if (touchesOne && before.uid !== uidOf(identity)) {
    const seen = statFd(fd);
    if (seen === undefined) throw lastError('statx');
    if (permitted(object, seen, fd, identity, Access.WRITE) === 0) throw fsError('EACCES', 'utimensat');
    asRoot();
  }
  setTimes(fd, atime, mtime);
}
