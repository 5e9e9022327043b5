/** New objects. They belong to the caller; one that cannot be made as asked for is not left behind. */
import type { CreateHow, Device, Made, NewAttr, SetAttr } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { errnoOf } from '../../../../errno.ts';
import {
  AT_REMOVEDIR,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_NOCTTY,
  O_NOFOLLOW,
  O_RDWR,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFSOCK,
  S_ISGID,
  S_ISUID,
} from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { setMode, setOwner } from '../../../../sys/files/attributes.ts';
import { asCaller, uidOf } from '../../../../sys/process/identity.ts';
import { mkdirat, mknodat, openat, symlinkat, unlinkat } from '../../../../sys/libc.ts';
import { cName, cText2 } from '../../../../sys/files/names.ts';
import { stat, statFd, statName } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, type Changed, inDirectory, refuseDots } from '../brick.ts';
import { existing, HALF_MADE, keepVerifier } from './exclusive.ts';
import { PosixObject } from '../objects/object.ts';
import { note } from '../index/places.ts';
import { change, truncateTo } from '../setattr.ts';

/** What the server chooses when the client does not say (RFC 1813, 3.3.8 leaves it open). */
const FILE_MODE = 0o600;
const DIR_MODE = 0o700;
const SET_ID = S_ISUID | S_ISGID;
const RETRIES = 8;

/**
 * Runs `make` in the directory and notes the result in the index. If that cannot be written, no handle of the object
 * may be answered: the object is removed again, and the client is told to try again later. An object that existed
 * before stays.
 */
function making(
  brick: Brick,
  frame: Frame,
  parent: Inode,
  name: string,
  removeFlags: number,
  make: (fd: number, dir: PosixObject) => PosixObject | Existing,
): Changed<Made['iatt']> {
  let made: PosixObject | undefined;
  const { objects } = brick;
  const changed = inDirectory(brick, frame, parent, (fd, dir) => {
    refuseDots(name);
    objects.index?.ready();
    const result = make(fd, dir);
    if (result instanceof PosixObject) {
      made = result;
      if (objects.index) undoing(brick, fd, name, made, removeFlags, () => note(objects.index, result, dir, name));
    } else {
      made = result.existing;
      note(objects.index, made, dir, name);
    }
    return iattOf(made);
  });
  return { ...changed, made };
}

/** An object that existed before. */
interface Existing {
  readonly existing: PosixObject;
}

/** A gfid carries the kernel's handle of the object, so that none can be chosen for it. */
function refuseChosen(gfid: Buffer | undefined): void {
  if (gfid !== undefined) throw fsError('EOPNOTSUPP', 'the gfids of this brick are its own');
}

/** Creates a file. With `flags` of open(2) an existing file is opened for the caller too. */
export function create(
  brick: Brick,
  frame: Frame,
  parent: Inode,
  name: string,
  how: CreateHow,
  flags?: number,
): Changed<Made['iatt']> {
  const mode = how.mode === 'exclusive' ? HALF_MADE : (how.attr.mode ?? FILE_MODE) & 0o7777;
  return making(brick, frame, parent, name, 0, fd => {
    refuseChosen(how.mode === 'exclusive' ? how.gfid : how.attr.gfid);
    for (let tries = 0; tries < RETRIES; tries++) {
      const made = createNew(brick, fd, name, mode);
      if (made) {
        if (how.mode !== 'exclusive') finish(brick, frame, made, fd, name, how.attr);
        else undoing(brick, fd, name, made, 0, () => keepVerifier(brick.objects.fd(made), how.verifier));
        return made;
      }
      const found = existing(brick, frame, fd, name, how, flags);
      if (found) return { existing: found };
    }
    throw fsError('EJUKEBOX', 'the name comes and goes');
  });
}

/** `undefined` if the name is taken. */
function createNew({ objects }: Brick, fd: number, name: string, mode: number): PosixObject | undefined {
  const flags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  const bytes = cName(name);
  let own: number;
  try {
    own = objects.opened(() => openat(fd, bytes, flags, mode), 'create');
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
  return meeting(fd, name, 0, () => objects.made(own));
}

export function mkdir(brick: Brick, frame: Frame, parent: Inode, name: string, attr: NewAttr): Changed<Made['iatt']> {
  return making(brick, frame, parent, name, AT_REMOVEDIR, fd => {
    refuseChosen(attr.gfid);
    const mode = (attr.mode ?? DIR_MODE) & 0o7777;
    if (mkdirat(fd, cName(name), mode & ~SET_ID) < 0) throw lastError('mkdir');
    const made = meet(brick, fd, name, AT_REMOVEDIR);
    // mkdir(2) takes no set-id bits; a directory that inherits S_ISGID keeps it.
    if ((mode & SET_ID & ~stat.mode) !== 0) {
      const whole = (stat.mode & 0o7777) | mode;
      undoing(brick, fd, name, made, AT_REMOVEDIR, () => setMode(brick.objects.fd(made), whole));
    }
    finish(brick, frame, made, fd, name, attr, AT_REMOVEDIR);
    return made;
  });
}

export function symlink(
  brick: Brick,
  frame: Frame,
  parent: Inode,
  name: string,
  target: string,
  attr: NewAttr,
): Changed<Made['iatt']> {
  return making(brick, frame, parent, name, 0, fd => {
    refuseChosen(attr.gfid);
    if (symlinkat(cText2(target), fd, cName(name)) < 0) throw lastError('symlink');
    const made = meet(brick, fd, name, 0);
    finish(brick, frame, made, fd, name, { ...attr, mode: undefined });
    return made;
  });
}

const NODES: Readonly<Record<number, number>> = {
  [FileType.BLK]: S_IFBLK,
  [FileType.CHR]: S_IFCHR,
  [FileType.FIFO]: S_IFIFO,
  [FileType.SOCK]: S_IFSOCK,
};

export function mknod(
  brick: Brick,
  frame: Frame,
  parent: Inode,
  name: string,
  type: FileType,
  attr: NewAttr,
  device: Device,
): Changed<Made['iatt']> {
  return making(brick, frame, parent, name, 0, fd => {
    refuseChosen(attr.gfid);
    const mode = (attr.mode ?? FILE_MODE) & 0o7777;
    const made = type === FileType.REG ? createNew(brick, fd, name, mode) : node(brick, fd, name, type, mode, device);
    if (made === undefined) throw fsError('EEXIST', 'mknod');
    finish(brick, frame, made, fd, name, attr);
    return made;
  });
}

function node(
  brick: Brick,
  fd: number,
  name: string,
  type: FileType,
  mode: number,
  { major, minor }: Device,
): PosixObject {
  const kind = NODES[type];
  if (kind === undefined) throw fsError('EINVAL', 'mknod makes files, devices, sockets and fifos');
  const isDevice = type === FileType.BLK || type === FileType.CHR;
  const device = isDevice ? deviceNumber(major, minor) : 0;
  if (mknodat(fd, cName(name), kind | mode, device) < 0) throw lastError('mknod');
  return meet(brick, fd, name, 0);
}

/** The kernel's: 12 bits of major, 20 of minor. */
function deviceNumber(major: number, minor: number): number {
  if (major > 0xfff || minor > 0xf_ffff) throw fsError('EINVAL', 'a device number is out of range');
  return (((minor & ~0xff) << 12) | (major << 8) | (minor & 0xff)) >>> 0;
}

function meet({ objects }: Brick, fd: number, name: string, removeFlags: number): PosixObject {
  return meeting(fd, name, removeFlags, () => objects.met(objects.openPath(fd, cName(name))));
}

/** Identifies the object that was just made as `name`. If that fails, the object is removed again. */
function meeting(fd: number, name: string, removeFlags: number, identify: () => PosixObject): PosixObject {
  try {
    return identify();
  } catch (error) {
    unlinkat(fd, cName(name), removeFlags);
    throw error;
  }
}

type New = { readonly [K in keyof SetAttr]?: SetAttr[K] | undefined };

/** Sets what the making call could not, and leaves the attributes in `stat`. */
function finish(
  brick: Brick,
  frame: Frame,
  made: PosixObject,
  fd: number,
  name: string,
  attr: New,
  removeFlags = 0,
): void {
  const { uid, gid, size, atime, mtime } = attr;
  const nothing = uid === undefined && gid === undefined && !size && atime === undefined && mtime === undefined;
  if (nothing) return;
  undoing(brick, fd, name, made, removeFlags, () => {
    const own = brick.objects.fd(made);
    const wanted = stat.mode & 0o7777;
    if (size) truncateTo(brick, made, own, frame.identity, size);
    asCaller(frame.identity);
    if (giveAway(own, frame, uid, gid) && (wanted & SET_ID) !== 0) setMode(own, wanted);
    if (statFd(own) < 0) throw lastError('statx');
    change(made, own, frame.identity, { atime, mtime }, iattOf(made));
  });
}

/**
 * Sets the owner of a new object. Some clients send ids along with every creation (a directory's group, for one): of
 * those who may not give files away they are no demand, as knfsd has it. Answers whether it was changed.
 */
function giveAway(fd: number, { identity }: Frame, uid: number | undefined, gid: number | undefined): boolean {
  const newUid = uid === stat.uid ? undefined : uid;
  const newGid = gid === stat.gid ? undefined : gid;
  if (newUid === undefined && newGid === undefined) return false;
  try {
    setOwner(fd, newUid, newGid);
    return true;
  } catch (error) {
    if (uidOf(identity) === 0 || errnoOf(error) !== 'EPERM') throw error;
    return false;
  }
}

/** Runs `step` on what was just made as `name`; if it throws, that is removed again. */
function undoing(
  { objects }: Brick,
  fd: number,
  name: string,
  made: PosixObject,
  removeFlags: number,
  step: () => void,
): void {
  try {
    step();
    objects.stat(made);
  } catch (error) {
    const { ino } = made;
    const bytes = cName(name);
    if (statName(fd, bytes) === 0 && stat.inoKey === ino && unlinkat(fd, bytes, removeFlags) === 0) {
      objects.gone(made.mount, ino);
    }
    throw error;
  }
}
