/** Makes objects, which belong to the caller. If the attributes cannot be set as asked for, the object is removed again. */
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
  S_ISGID,
  S_ISUID,
} from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { setMode, setOwner } from '../../../../sys/files/attributes.ts';
import { asCaller, uidOf } from '../../../../sys/process/identity.ts';
import { mkdirat, openat, symlinkat, unlinkat } from '../../../../sys/libc.ts';
import { cName, cText2 } from '../../../../sys/files/names.ts';
import { type Stat, statName } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, type Changed, iattNeeded, inDirectory, refuseDots } from '../brick.ts';
import { existing, HALF_MADE, keepVerifier } from './exclusive.ts';
import { makeNode } from './node.ts';
import { note } from '../objects/finder.ts';
import type { PosixObject } from '../objects/object.ts';
import type { SeenObject } from '../objects/objects.ts';
import { change, truncateTo } from '../setattr.ts';

/** The modes of new objects for which the client gives none; RFC 1813, 3.3.8, leaves them to the server. */
const FILE_MODE = 0o600;
const DIR_MODE = 0o700;
const SET_ID = S_ISUID | S_ISGID;
const RETRIES = 8;

/**
 * Runs `make` in the directory and notes the place of the object. If that cannot be written, no handle of the object may
 * be answered, so the object is removed again, and the client is told to try again later. An object that existed before
 * stays.
 */
function making(
  brick: Brick,
  frame: Frame,
  parent: Inode,
  name: string,
  removeFlags: number,
  make: (fd: number, dir: PosixObject) => Result,
): Changed<Made['iatt']> {
  let made: PosixObject | undefined;
  const { objects } = brick;
  const changed = inDirectory(brick, frame, parent, (fd, dir) => {
    refuseDots(name);
    objects.finder?.ready();
    const { object, existed, seen } = make(fd, dir);
    made = object;
    if (objects.finder === undefined) return iattOf(object, seen ?? objects.stat(object));
    const noting = () => note(objects.finder, object, dir, name);
    if (existed) noting();
    else undoing(brick, fd, name, object, removeFlags, noting);
    return iattOf(object, objects.stat(object));
  });
  return { ...changed, made };
}

interface Result {
  readonly object: PosixObject;
  readonly existed: boolean;
  /** What the kernel told of the object, if nothing has been asked or changed since. */
  readonly seen?: Stat | undefined;
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
        if (how.mode !== 'exclusive') return finished(brick, frame, made, fd, name, how.attr);
        const { object } = made;
        undoing(brick, fd, name, object, 0, () => keepVerifier(brick.objects.fd(object), how.verifier));
        return { object, existed: false };
      }
      const found = existing(brick, frame, fd, name, how, flags);
      if (found) return { object: found, existed: true };
    }
    throw fsError('EJUKEBOX', 'the name comes and goes');
  });
}

/** Creates a file. `undefined` if the name exists. */
function createNew({ objects }: Brick, fd: number, name: string, mode: number): SeenObject | undefined {
  const flags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  const bytes = cName(name);
  let own: number;
  try {
    own = objects.caches.opened(() => openat(fd, bytes, flags, mode), 'create');
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined;
    throw error;
  }
  return meeting(fd, name, 0, () => objects.takeOverFile(own));
}

export function mkdir(brick: Brick, frame: Frame, parent: Inode, name: string, attr: NewAttr): Changed<Made['iatt']> {
  return making(brick, frame, parent, name, AT_REMOVEDIR, fd => {
    refuseChosen(attr.gfid);
    const mode = (attr.mode ?? DIR_MODE) & 0o7777;
    if (mkdirat(fd, cName(name), mode & ~SET_ID) < 0) throw lastError('mkdir');
    const made = meet(brick, fd, name, AT_REMOVEDIR);
    // mkdir(2) takes no set-id bits; a directory that inherits S_ISGID keeps it.
    if ((mode & SET_ID) !== 0) {
      undoing(brick, fd, name, made, AT_REMOVEDIR, () => {
        const present = brick.objects.stat(made).mode & 0o7777;
        if ((mode & SET_ID & ~present) !== 0) setMode(brick.objects.fd(made), present | mode);
      });
    }
    finish(brick, frame, made, fd, name, attr, AT_REMOVEDIR);
    return { object: made, existed: false };
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
    return { object: made, existed: false };
  });
}

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
    if (type === FileType.REG) {
      const file = createNew(brick, fd, name, mode);
      if (file === undefined) throw fsError('EEXIST', 'mknod');
      return finished(brick, frame, file, fd, name, attr);
    }
    makeNode(fd, name, type, mode, device);
    const made = meet(brick, fd, name, 0);
    finish(brick, frame, made, fd, name, attr);
    return { object: made, existed: false };
  });
}

function meet({ objects }: Brick, fd: number, name: string, removeFlags: number): PosixObject {
  return meeting(fd, name, removeFlags, () => objects.takeOver(objects.openPath(fd, cName(name))));
}

/** Identifies the object that was just made as `name`. If that fails, the object is removed again. */
function meeting<T>(fd: number, name: string, removeFlags: number, identify: () => T): T {
  try {
    return identify();
  } catch (error) {
    unlinkat(fd, cName(name), removeFlags);
    throw error;
  }
}

type New = { readonly [K in keyof SetAttr]?: SetAttr[K] | undefined };

/** Finishes a new file as {@link finish} does. */
function finished(
  brick: Brick,
  frame: Frame,
  { object, seen }: SeenObject,
  fd: number,
  name: string,
  attr: New,
): Result {
  return { object, existed: false, seen: finish(brick, frame, object, fd, name, attr) ? undefined : seen };
}

/** Sets the attributes that the call which made the object could not set. Returns whether there were any. */
function finish(
  brick: Brick,
  frame: Frame,
  made: PosixObject,
  fd: number,
  name: string,
  attr: New,
  removeFlags = 0,
): boolean {
  const { uid, gid, size, atime, mtime } = attr;
  const nothing = uid === undefined && gid === undefined && !size && atime === undefined && mtime === undefined;
  if (nothing) return false;
  undoing(brick, fd, name, made, removeFlags, () => {
    const { objects } = brick;
    const seen = objects.stat(made);
    const own = objects.fd(made);
    const wanted = seen.mode & 0o7777;
    if (size) truncateTo(brick, made, seen, frame.identity, size);
    asCaller(frame.identity);
    if (giveAway(own, seen, frame, uid, gid) && (wanted & SET_ID) !== 0) setMode(own, wanted);
    change(made, own, frame.identity, { atime, mtime }, iattNeeded(objects, made, own));
  });
  return true;
}

/**
 * Sets the owner of a new object. Some clients send ids with every creation, such as the group of the directory. If the
 * caller may not give files away, the ids are ignored, as by knfsd. Returns whether the owner was changed.
 */
function giveAway(
  fd: number,
  seen: Stat,
  { identity }: Frame,
  uid: number | undefined,
  gid: number | undefined,
): boolean {
  const newUid = uid === seen.uid ? undefined : uid;
  const newGid = gid === seen.gid ? undefined : gid;
  if (newUid === undefined && newGid === undefined) return false;
  try {
    setOwner(fd, newUid, newGid);
    return true;
  } catch (error) {
    if (uidOf(identity) === 0 || errnoOf(error) !== 'EPERM') throw error;
    return false;
  }
}

/** Runs `step` on the object that was just made as `name`. If it throws, the object is removed again. */
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
  } catch (error) {
    const { ino } = made;
    const bytes = cName(name);
    if (statName(fd, bytes)?.inoKey === ino && unlinkat(fd, bytes, removeFlags) === 0) {
      objects.lastNameRemoved(made.mount, ino);
    }
    throw error;
  }
}
