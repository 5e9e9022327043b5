/** Changing attributes, in the order that lets each take effect: size, owner (which clears set-id bits), mode, times. */
import { Access, type SetAttr, type Time } from '../../../graph/fops.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '../../../graph/iatt.ts';
import type { Inode } from '../../../inode/inode.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../../sys/constants.ts';
import { fsError, lastError, withWcc } from '../../../sys/failure.ts';
import { setMode, setOwner, setTimes } from '../../../sys/attributes.ts';
import { asCaller, asServer, uidOf } from '../../../sys/identity.ts';
import { ftruncate } from '../../../sys/libc.ts';
import { stat, statFd } from '../../../sys/statx.ts';
import { iattOf } from './attributes.ts';
import { type Brick, iattNow } from './brick.ts';
import { openFile } from './files.ts';
import type { Known } from './known.ts';
import { permitted } from './permission.ts';

/** As {@link SetAttr}, but for the size. */
type Change = { readonly [K in Exclude<keyof SetAttr, 'size'>]?: SetAttr[K] | undefined };

export function setattr(brick: Brick, frame: Frame, inode: Inode, attr: SetAttr, guard?: Time): Wcc {
  const { objects } = brick;
  const known = objects.of(inode);
  const fd = objects.stat(known);
  const before = iattOf(known);
  try {
    if (guard && (guard.sec !== before.ctime || guard.nsec !== before.ctimeNsec)) {
      throw fsError('EAGAIN', 'the object has changed since the guard');
    }
    if (attr.size !== undefined) truncateTo(brick, known, fd, frame.identity, attr.size);
    const { uid, gid, mode, atime } = attr;
    // Setting the size sets the mtime: a client that asks for that too need not be the owner.
    const mtime = attr.size !== undefined && attr.mtime === 'now' ? undefined : attr.mtime;
    change(known, objects.fd(known), frame.identity, { uid, gid, mode, atime, mtime }, before);
  } catch (error) {
    throw withWcc(error, before, iattNow(known, objects.fd(known)));
  }
  return { before, after: iattNow(known, objects.fd(known)) };
}

/** Sets the size of the file that `stat` tells of. Its owner may, whatever the mode says. */
export function truncateTo(brick: Brick, known: Known, fd: number, identity: Identity, size: number): void {
  const type = stat.mode & S_IFMT;
  if (type !== S_IFREG) throw fsError(type === S_IFDIR ? 'EISDIR' : 'EINVAL', 'only a file has a size to set');
  if (stat.uid !== uidOf(identity) && permitted(known, fd, identity, Access.WRITE) === 0) {
    throw fsError('EACCES', 'truncate');
  }
  const file = openFile(brick, known, true);
  asCaller(identity);
  if (ftruncate(file.fd, size) < 0) throw lastError('truncate');
  file.dirty = true;
}

/** Owner, mode and times of `known`, open as `fd`, that was like `before`. */
export function change(known: Known, fd: number, identity: Identity, attr: Change, before: Iatt): void {
  asCaller(identity);
  const { uid, gid, mode, atime, mtime } = attr;
  if (uid !== undefined || gid !== undefined) setOwner(fd, uid, gid);
  // A symlink's mode means nothing, and clients that restore trees set it all the same.
  if (mode !== undefined && before.type !== FileType.LNK) setMode(fd, mode);
  if (atime === undefined && mtime === undefined) return;
  // To the kernel a single one is an explicit time, for the owner only; to NFS it is a touch, for whoever may write.
  const touchesOne = (atime === 'now' && mtime === undefined) || (mtime === 'now' && atime === undefined);
  if (touchesOne && before.uid !== uidOf(identity) && statFd(fd) === 0) {
    if (permitted(known, fd, identity, Access.WRITE) === 0) throw fsError('EACCES', 'utimensat');
    asServer();
  }
  setTimes(fd, atime, mtime);
}
