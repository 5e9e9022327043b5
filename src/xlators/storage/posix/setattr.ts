/** Changing attributes, in the order that lets each take effect: size, owner (which clears set-id bits), mode, times. */
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
import { stat, statFd } from '../../../sys/files/statx.ts';
import { iattOf } from './attributes.ts';
import { type Brick, iattNow } from './brick.ts';
import type { Descriptor } from './objects/descriptors.ts';
import { clearSetId, openFile } from './objects/files.ts';
import type { PosixObject } from './objects/object.ts';
import { permitted } from './permission.ts';
import { refuseRange } from './data/read.ts';
import { withWcc } from './failure.ts';

/** Bytes: giving back more than this may take long. */
const LARGE = 64 * 1024 * 1024;
const ftruncatePooled = promisify(ftruncateByCallback);

/** As {@link SetAttr}, but for the size. */
type Change = { readonly [K in Exclude<keyof SetAttr, 'size'>]?: SetAttr[K] | undefined };

export function setattr(brick: Brick, frame: Frame, inode: Inode, attr: SetAttr, guard?: Time): Wcc | Promise<Wcc> {
  const { objects } = brick;
  const object = objects.of(inode);
  const fd = objects.stat(object);
  const before = iattOf(object);
  try {
    if (guard && (guard.sec !== before.ctime || guard.nsec !== before.ctimeNsec)) {
      throw fsError('EAGAIN', 'the object has changed since the guard');
    }
    const { size } = attr;
    if (size !== undefined && before.used - size > LARGE) return shrink(brick, frame, object, attr, before);
    if (size !== undefined) truncateTo(brick, object, fd, frame.identity, size);
    change(object, objects.fd(object), frame.identity, withoutSize(attr), before);
  } catch (error) {
    throw withWcc(error, before, iattNow(object, objects.fd(object)));
  }
  return { before, after: iattNow(object, objects.fd(object)) };
}

/** Setting the size sets the mtime: a client that asks for that too need not be the owner. */
function withoutSize({ uid, gid, mode, atime, mtime, size }: SetAttr): Change {
  return { uid, gid, mode, atime, mtime: size !== undefined && mtime === 'now' ? undefined : mtime };
}

/** As above, of a file that has much to give back: in the thread pool. */
async function shrink(brick: Brick, frame: Frame, object: PosixObject, attr: SetAttr, before: Iatt): Promise<Wcc> {
  const file = fileToTruncate(brick, object, brick.objects.fd(object), frame.identity, attr.size!);
  clearSetId(file.fd, frame.identity, before);
  file.pin();
  try {
    await brick.pool.run(() => ftruncatePooled(file.fd, attr.size!));
    file.dirty = true;
    change(object, file.fd, frame.identity, withoutSize(attr), before);
    // Others' changes may have come in between, so there is no telling what was right before.
    return { before: undefined, after: iattNow(object, file.fd) };
  } catch (error) {
    throw withWcc(error, undefined, iattNow(object, file.fd));
  } finally {
    file.unpin();
  }
}

/** Sets the size of the file that `stat` tells of. */
export function truncateTo(brick: Brick, object: PosixObject, fd: number, identity: Identity, size: number): void {
  const file = fileToTruncate(brick, object, fd, identity, size);
  asCaller(identity);
  if (ftruncate(file.fd, size) < 0) throw lastError('truncate');
  file.dirty = true;
}

/** The file that `stat` tells of, open for writing, if the caller may: its owner, whatever the mode says. */
function fileToTruncate(brick: Brick, object: PosixObject, fd: number, identity: Identity, size: number): Descriptor {
  const type = stat.mode & S_IFMT;
  if (type !== S_IFREG) throw fsError(type === S_IFDIR ? 'EISDIR' : 'EINVAL', 'only a file has a size to set');
  if (stat.uid !== uidOf(identity) && permitted(object, fd, identity, Access.WRITE) === 0) {
    throw fsError('EACCES', 'truncate');
  }
  refuseRange(size, 0);
  return openFile(brick, object, true, identity);
}

/** Owner, mode and times of `object`, open as `fd`, that was like `before`. */
export function change(object: PosixObject, fd: number, identity: Identity, attr: Change, before: Iatt): void {
  asCaller(identity);
  const { uid, gid, mode, atime, mtime } = attr;
  if (uid !== undefined || gid !== undefined) setOwner(fd, uid, gid);
  // A symlink's mode means nothing, and clients that restore trees set it all the same.
  if (mode !== undefined && before.type !== FileType.LNK) setMode(fd, mode);
  if (atime === undefined && mtime === undefined) return;
  // To the kernel a single one is an explicit time, for the owner only; to NFS it is a touch, for whoever may write.
  const touchesOne = (atime === 'now' && mtime === undefined) || (mtime === 'now' && atime === undefined);
  if (touchesOne && before.uid !== uidOf(identity) && statFd(fd) === 0) {
    if (permitted(object, fd, identity, Access.WRITE) === 0) throw fsError('EACCES', 'utimensat');
    asRoot();
  }
  setTimes(fd, atime, mtime);
}
