/** Changing attributes, in the order that lets each take effect: size, owner (which clears set-id bits), mode, times. */
import { ERRNO, FsError } from '../../../errno.ts';
import { Access, type SetAttr, type Time } from '../../../graph/fops.ts';
import type { Frame, Identity } from '../../../graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '../../../graph/iatt.ts';
import type { Inode } from '../../../inode/inode.ts';
import { AT_EMPTY_PATH, S_IFDIR, S_IFMT, S_IFREG, UTIME_NOW, UTIME_OMIT } from '../../../sys/constants.ts';
import { fsError, lastError, withWcc } from '../../../sys/failure.ts';
import { asCaller, asServer } from '../../../sys/identity.ts';
import { chmod, errno, fchmodat2, fchownat, ftruncate, utimensat } from '../../../sys/libc.ts';
import { EMPTY, procFd } from '../../../sys/names.ts';
import { stat, statFd } from '../../../sys/statx.ts';
import { iattOf } from './attributes.ts';
import { type Brick, iattNow } from './brick.ts';
import { openFile } from './files.ts';
import type { Known } from './known.ts';
import { permitted } from './permission.ts';

/** As {@link SetAttr}, but for the size. */
type Change = { readonly [K in Exclude<keyof SetAttr, 'size'>]?: SetAttr[K] | undefined };

/** uid_t and gid_t of "leave it as it is". */
const SAME = 0xffff_ffff;
const times = Buffer.alloc(32);

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
  if (stat.uid !== identity.uid && permitted(known, fd, identity, Access.WRITE) === 0) {
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
  if (touchesOne && before.uid !== identity.uid && statFd(fd) === 0) {
    if (permitted(known, fd, identity, Access.WRITE) === 0) throw fsError('EACCES', 'utimensat');
    asServer();
  }
  setTimes(fd, atime, mtime);
}

export function setOwner(fd: number, uid: number = SAME, gid: number = SAME): void {
  if (fchownat(fd, EMPTY, uid, gid, AT_EMPTY_PATH) < 0) throw lastError('chown');
}

let hasFchmodat2 = true;

export function setMode(fd: number, mode: number): void {
  if (hasFchmodat2) {
    if (fchmodat2(fd, EMPTY, mode, AT_EMPTY_PATH) === 0) return;
    const number = errno();
    if (number !== ERRNO.ENOSYS) throw FsError.of(number, 'chmod');
    hasFchmodat2 = false;
  }
  if (chmod(procFd(fd), mode) < 0) throw lastError('chmod');
}

export function setTimes(fd: number, atime: Time | 'now' | undefined, mtime: Time | 'now' | undefined): void {
  writeTime(atime, 0);
  writeTime(mtime, 16);
  if (utimensat(fd, EMPTY, times, AT_EMPTY_PATH) < 0) throw lastError('utimensat');
}

function writeTime(time: Time | 'now' | undefined, at: number): void {
  const set = typeof time === 'object';
  times.writeBigInt64LE(BigInt(set ? time.sec : 0), at);
  times.writeBigInt64LE(BigInt(set ? time.nsec : time === 'now' ? UTIME_NOW : UTIME_OMIT), at + 8);
}

