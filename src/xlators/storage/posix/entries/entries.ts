/** Names of objects: given, taken away, changed. */
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
import { stat, statName } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, type Changed, iattNow, inDirectory, isDot, refuseDots } from '../brick.ts';
import type { PosixObject } from '../objects/object.ts';
import type { Mount } from '../objects/mount.ts';
import { withBoth, withWcc } from '../failure.ts';

/** Bytes: giving back the blocks of larger files is left to the thread pool. */
const LARGE = 16 * 1024 * 1024;

export function link(brick: Brick, frame: Frame, inode: Inode, parent: Inode, name: string): Changed<Made['iatt']> {
  const { objects } = brick;
  return inDirectory(brick, frame, parent, (fd, dir) => {
    refuseDots(name);
    const object = objects.of(inode);
    const own = objects.stat(object);
    asCaller(frame.identity);
    if (linkat(AT_FDCWD, procFd(own), fd, cName(name), AT_SYMLINK_FOLLOW) < 0) throw lastError('link');
    objects.index?.linked(object, dir, name);
    objects.stat(object);
    return iattOf(object);
  });
}

/** An object that is about to lose a name. */
interface Leaving {
  readonly mount: Mount;
  readonly ino: number | bigint;
  /** It has no other one. */
  readonly last: boolean;
  /** Held open, so that its blocks are given back when this is closed. */
  readonly held: number | undefined;
}

/** Who has the name now; `undefined` if nobody has. */
function leaving({ objects }: Brick, fd: number, name: Buffer): Leaving | undefined {
  if (statName(fd, name) < 0) return undefined;
  const mount = objects.mounts.peek();
  if (!mount) return undefined; // something is mounted here: the kernel refuses
  const last = stat.nlink === 1 || (stat.mode & S_IFMT) === S_IFDIR;
  const ino = stat.inoKey;
  const held = last && stat.nlink === 1 && stat.used > LARGE ? objects.openPath(fd, name) : undefined;
  return { mount, ino, last, held };
}

/** What has lost a name. */
export interface Left {
  /** If it was the last one. */
  readonly gone: Buffer | undefined;
  /** When its blocks are given back: who makes room on a full disk by a removal has it when he is answered. */
  readonly freed: Promise<void> | undefined;
}

const NOTHING: Left = { gone: undefined, freed: undefined };

/** The name was taken away, or (`taken` is false) it was not. */
function left({ objects, pool }: Brick, leaver: Leaving | undefined, taken: boolean): Left {
  if (!leaver) return NOTHING;
  const { mount, ino, last, held } = leaver;
  const gone = taken && last ? objects.gone(mount, ino)?.gfid : undefined;
  const close = (fd: number) => new Promise<void>(resolve => closePooled(fd, () => resolve()));
  const freed = held === undefined ? undefined : pool.run(() => close(held), true);
  return { gone, freed };
}

function remove(brick: Brick, frame: Frame, parent: Inode, name: string, flags: number): Changed<Left> {
  return inDirectory(brick, frame, parent, (fd, dir) => {
    brick.objects.index?.room();
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
  { objects: { index } }: Brick,
  object: PosixObject | undefined,
  dir: PosixObject,
  name: string,
): void {
  if (!index) return;
  index.removed(dir, name);
  if (object) object.placeParent = undefined; // should it get that name again, it is to be noted again
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
  objects.stat(dir);
  const iatt = iattOf(dir);
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
  const fromFd = objects.stat(fromDir);
  const fromBefore = iattOf(fromDir);
  let toBefore: Iatt | undefined;
  try {
    const toDir = objects.of(to);
    const toFd = objects.stat(toDir);
    toBefore = iattOf(toDir);
    asCaller(frame.identity);
    const run = flags === RenameFlag.EXCHANGE ? exchangeNow : renameNow;
    const { gone, freed } = run(brick, [fromDir, fromFd, fromName], [toDir, toFd, toName], flags);
    const wcc = {
      from: { before: fromBefore, after: iattNow(fromDir, fromFd) },
      to: { before: toBefore, after: iattNow(toDir, toFd) },
      gone,
    };
    return { wcc, from: fromDir, to: toDir, freed };
  } catch (error) {
    const toAfter = toBefore && iattNow(objects.of(to), objects.fd(objects.of(to)));
    throw withBoth(
      error,
      { before: fromBefore, after: iattNow(fromDir, fromFd) },
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
  objects.index?.room();
  const fromBytes = cName(fromName);
  const toBytes = cName2(toName);
  const ino = statName(fromFd, fromBytes) === 0 ? stat.inoKey : -1;
  const moved = ino === -1 ? undefined : mover(brick, fromFd, fromBytes, ino);
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
  if (objects.index === undefined || leaver?.ino === ino) return what; // two names of one file: nothing was done
  objects.index.renamed(fromDir, fromName, toDir, toName);
  arrived(moved, toFd, toBytes);
  return what;
}

/** Who is about to be moved, as far as the index must know: also if nobody remembers him, when he will be copied up. */
function mover({ objects }: Brick, fd: number, name: Buffer, ino: number | bigint): PosixObject | undefined {
  const mount = objects.mounts.peek();
  return mount?.copiesUp ? objects.seen(fd, name) : mount?.inodes.get(ino);
}

/** The objects of two names change places; none loses its name. */
function exchangeNow(brick: Brick, [fromDir, fromFd, fromName]: Entry, [toDir, toFd, toName]: Entry): Left {
  const { objects } = brick;
  if (isDot(fromName) || isDot(toName)) throw fsError('EINVAL', 'rename of . or ..');
  objects.index?.room();
  const fromBytes = cName(fromName);
  const toBytes = cName2(toName);
  const one = moverOf(brick, fromFd, fromBytes);
  const other = moverOf(brick, toFd, toBytes);
  if (renameat2(fromFd, fromBytes, toFd, toBytes, RenameFlag.EXCHANGE) < 0) throw lastError('rename');
  if (objects.index === undefined) return NOTHING;
  objects.index.exchanged(fromDir, fromName, toDir, toName);
  arrived(one, toFd, toBytes);
  arrived(other, fromFd, fromBytes);
  return NOTHING;
}

/** The object called `name`, as {@link mover} has it. */
const moverOf = (brick: Brick, fd: number, name: Buffer): PosixObject | undefined =>
  statName(fd, name) < 0 ? undefined : mover(brick, fd, name, stat.inoKey);

/** `object` was moved: it is noted anew at the next occasion, and its birth time if it was copied up by this. */
function arrived(object: PosixObject | undefined, fd: number, name: Buffer): void {
  if (object === undefined) return;
  object.placeParent = undefined;
  if (object.mount.copiesUp && statName(fd, name) === 0 && stat.inoKey === object.ino) iattOf(object);
}
