/** Gives names to objects, removes names, and renames. */
import { type Made, type Renamed, RenameFlag } from '../../../../graph/fops.ts';
import type { Errno } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { close as closePooled } from 'node:fs';
import { AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, S_IFDIR, S_IFMT } from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { asCaller } from '../../../../sys/process/identity.ts';
import { linkat, renameat, renameat2, unlinkat } from '../../../../sys/libc.ts';
import { cName, cName2, procFd } from '../../../../sys/files/names.ts';
import { type Stat, statName } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, type Changed, iattNow, inDirectory, isDot, refuseDots } from '../brick.ts';
import type { ObjectMount, PosixObject } from '../objects/object.ts';
import type { Objects } from '../objects/objects.ts';
import { withBoth, withWcc } from '../failure.ts';

/** The blocks of files with more allocated bytes are freed in the thread pool. */
const LARGE = 16 * 1024 * 1024;

export function link(brick: Brick, frame: Frame, inode: Inode, parent: Inode, name: string): Changed<Made['iatt']> {
  const { objects } = brick;
  return inDirectory(brick, frame, parent, (fd, dir) => {
    refuseDots(name);
    const object = objects.of(inode);
    objects.stat(object); // ESTALE if it is gone
    const own = objects.fd(object);
    asCaller(frame.identity);
    if (linkat(AT_FDCWD, procFd(own), fd, cName(name), AT_SYMLINK_FOLLOW) < 0) throw lastError('link');
    objects.finder?.linked(object, dir, name);
    return iattOf(object, objects.stat(object));
  });
}

/** An object that is about to lose a name. */
interface Leaving {
  readonly mount: ObjectMount;
  readonly ino: number | bigint;
  /** Whether it has no other name. */
  readonly last: boolean;
  /** A descriptor that keeps a large file, so that its blocks are freed when this is closed. */
  readonly held: number | undefined;
}

/** Returns the object that has the name now; `undefined` if there is none. */
function leaving({ objects }: Brick, fd: number, name: Buffer): Leaving | undefined {
  const seen = statName(fd, name);
  if (seen === undefined) return undefined;
  const mount = objects.mounts.find(seen);
  if (!mount) return undefined; // a file system is mounted here, so the kernel refuses the removal
  const last = seen.nlink === 1 || (seen.mode & S_IFMT) === S_IFDIR;
  const ino = seen.inoKey;
  const held = last && seen.nlink === 1 && seen.used > LARGE ? objects.openPath(fd, name) : undefined;
  return { mount, ino, last, held };
}

/** What the removal of a name has left. */
export interface Left {
  /** The gfid of the object, if that was its last name. */
  readonly gone: Buffer | undefined;
  /** Resolves when the blocks are freed. The call waits for it, so that a caller who makes room on a full disk has it then. */
  readonly freed: Promise<void> | undefined;
}

const NOTHING: Left = { gone: undefined, freed: undefined };

/** Must be called after the removal of a name was tried. */
function left({ objects, pool }: Brick, leaver: Leaving | undefined, removed: boolean): Left {
  if (!leaver) return NOTHING;
  const { mount, ino, last, held } = leaver;
  const gone = removed && last ? objects.lastNameRemoved(mount, ino)?.gfid : undefined;
  const close = (fd: number) => new Promise<void>(resolve => closePooled(fd, () => resolve()));
  const freed = held === undefined ? undefined : pool.run(() => close(held), true);
  return { gone, freed };
}

function remove(brick: Brick, frame: Frame, parent: Inode, name: string, flags: number): Changed<Left> {
  return inDirectory(brick, frame, parent, (fd, dir) => {
    brick.objects.finder?.room();
    const bytes = cName(name);
    const leaver = leaving(brick, fd, bytes);
    const removed = unlinkat(fd, bytes, flags) === 0;
    const error = removed ? undefined : lastError(flags === 0 ? 'unlink' : 'rmdir');
    const object = leaver?.mount.inodes.get(leaver.ino);
    const what = left(brick, leaver, removed);
    if (error) throw error;
    noteRemoval(brick, object, dir, name);
    return what;
  });
}

function noteRemoval(
  { objects: { finder } }: Brick,
  object: PosixObject | undefined,
  dir: PosixObject,
  name: string,
): void {
  if (!finder) return;
  finder.removed(dir, name);
  if (object) object.placeParent = undefined; // if it gets that name again, the finder must be told
}

export function unlink(brick: Brick, frame: Frame, parent: Inode, name: string): Changed<Left> {
  if (isDot(name)) return refused(brick, parent, 'EISDIR', 'unlink of a directory');
  return remove(brick, frame, parent, name, 0);
}

export function rmdir(brick: Brick, frame: Frame, parent: Inode, name: string): Changed<Left> {
  // RFC 1813, 3.3.13: INVAL for ".", EXIST for "..".
  if (isDot(name)) return refused(brick, parent, name === '.' ? 'EINVAL' : 'EEXIST', `rmdir of ${name}`);
  return remove(brick, frame, parent, name, AT_REMOVEDIR);
}

function refused(brick: Brick, parent: Inode, code: Errno, what: string): never {
  const { objects } = brick;
  const dir = objects.of(parent);
  const iatt = iattOf(dir, objects.stat(dir));
  throw withWcc(fsError(code, what), iatt, iatt);
}

export interface Moved {
  readonly wcc: Renamed;
  readonly from: PosixObject;
  readonly to: PosixObject;
  readonly freed: Left['freed'];
}

/** Renames as renameat2(2) does with `flags`: one of {@link RenameFlag}, or 0. */
export function rename(
  brick: Brick,
  frame: Frame,
  from: Inode,
  fromName: string,
  to: Inode,
  toName: string,
  flags: number,
): Moved {
  const { objects } = brick;
  const fromDir = objects.of(from);
  const fromBefore = iattOf(fromDir, objects.stat(fromDir));
  const fromFd = objects.fd(fromDir);
  let toBefore: Iatt | undefined;
  try {
    const toDir = objects.of(to);
    toBefore = iattOf(toDir, objects.stat(toDir));
    const toFd = objects.fd(toDir);
    asCaller(frame.identity);
    const run = flags === RenameFlag.EXCHANGE ? exchangeNow : renameNow;
    const { gone, freed } = run(brick, [fromDir, fromFd, fromName], [toDir, toFd, toName], flags);
    const wcc = {
      from: { before: fromBefore, after: iattNow(objects, fromDir, fromFd) },
      to: { before: toBefore, after: iattNow(objects, toDir, toFd) },
      gone,
    };
    return { wcc, from: fromDir, to: toDir, freed };
  } catch (error) {
    const toAfter = toBefore && iattNow(objects, objects.of(to), objects.fd(objects.of(to)));
    throw withBoth(
      error,
      { before: fromBefore, after: iattNow(objects, fromDir, fromFd) },
      { before: toBefore, after: toAfter },
    );
  }
}

type Entry = readonly [dir: PosixObject, fd: number, name: string];

function renameNow(
  brick: Brick,
  [fromDir, fromFd, fromName]: Entry,
  [toDir, toFd, toName]: Entry,
  flags: number,
): Left {
  const { objects } = brick;
  if (flags !== 0 && flags !== RenameFlag.NOREPLACE) throw fsError('EINVAL', `rename with flags ${flags}`);
  // RFC 1813, 3.3.14.
  if (isDot(fromName) || isDot(toName)) throw fsError('EINVAL', 'rename of . or ..');
  objects.finder?.room();
  const fromBytes = cName(fromName);
  const toBytes = cName2(toName);
  const seen = statName(fromFd, fromBytes);
  const ino = seen?.inoKey;
  const moved = seen && mover(brick, fromFd, fromBytes, seen);
  const leaver = leaving(brick, toFd, toBytes);
  const answer =
    flags === 0
      ? renameat(fromFd, fromBytes, toFd, toBytes)
      : renameat2(fromFd, fromBytes, toFd, toBytes, RenameFlag.NOREPLACE);
  const renamed = answer === 0;
  const error = renamed ? undefined : lastError('rename');
  const replaced = renamed && leaver !== undefined && leaver.ino !== ino;
  const what = left(brick, leaver, replaced);
  if (error) throw error;
  // If both names are of one file, rename(2) does nothing.
  if (objects.finder === undefined || (leaver !== undefined && leaver.ino === ino)) return what;
  objects.finder.renamed(fromDir, fromName, toDir, toName);
  arrived(objects, moved, toFd, toBytes);
  return what;
}

/**
 * Returns the object that is about to be moved, if it is remembered. On overlayfs, which copies it when it is moved, the
 * object is needed in any case, to note its new birth time.
 */
function mover({ objects }: Brick, fd: number, name: Buffer, seen: Stat): PosixObject | undefined {
  const mount = objects.mounts.find(seen);
  return mount?.copiesUp ? objects.named(fd, name, seen) : mount?.inodes.get(seen.inoKey);
}

/** Exchanges the objects of two names. None of them loses its name. */
function exchangeNow(brick: Brick, [fromDir, fromFd, fromName]: Entry, [toDir, toFd, toName]: Entry): Left {
  const { objects } = brick;
  if (isDot(fromName) || isDot(toName)) throw fsError('EINVAL', 'rename of . or ..');
  objects.finder?.room();
  const fromBytes = cName(fromName);
  const toBytes = cName2(toName);
  const one = moverOf(brick, fromFd, fromBytes);
  const other = moverOf(brick, toFd, toBytes);
  if (renameat2(fromFd, fromBytes, toFd, toBytes, RenameFlag.EXCHANGE) < 0) throw lastError('rename');
  if (objects.finder === undefined) return NOTHING;
  objects.finder.exchanged(fromDir, fromName, toDir, toName);
  arrived(objects, one, toFd, toBytes);
  arrived(objects, other, fromFd, fromBytes);
  return NOTHING;
}

/** Returns the object called `name` as {@link mover} does. */
function moverOf(brick: Brick, fd: number, name: Buffer): PosixObject | undefined {
  const seen = statName(fd, name);
  return seen && mover(brick, fd, name, seen);
}

/** Must be called for an object that was moved: its place is to be noted, and its birth time if overlayfs has copied it. */
function arrived(objects: Objects, object: PosixObject | undefined, fd: number, name: Buffer): void {
  if (object === undefined) return;
  object.placeParent = undefined;
  if (!object.mount.copiesUp) return;
  const seen = statName(fd, name);
  if (seen?.inoKey === object.ino) objects.checkBirth(object, seen);
}
