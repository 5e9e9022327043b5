/**
 * The permission check of open(2), for layers that open files. NFSv3 opens nothing: each of its READs and WRITEs is
 * checked instead (read.ts, write.ts).
 */
import { Access } from '../../../../graph/fops.ts';
import type { Frame, Identity } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { O_RDONLY, O_TRUNC, O_WRONLY, S_IFMT, S_IFREG } from '../../../../sys/constants.ts';
import { fsError } from '../../../../sys/failure.ts';
import { uidOf } from '../../../../sys/process/identity.ts';
import type { Stat } from '../../../../sys/files/statx.ts';
import type { Brick } from '../brick.ts';
import type { PosixObject } from '../objects/object.ts';
import { permitted } from '../permission.ts';
import { requireFile } from './read.ts';
import { truncateTo } from '../setattr.ts';

/** The bits of the flags of open(2) that tell reading from writing. */
const O_ACCMODE = 3;

/**
 * Checks whether the caller may open an object, which is open as `fd`, with these flags of open(2). The owner of a file
 * always may, as in READ and WRITE.
 * @throws {FsError} EACCES
 */
export function checkOpen(object: PosixObject, seen: Stat, fd: number, identity: Identity, flags: number): void {
  const mode = flags & O_ACCMODE;
  const mask = mode === O_RDONLY ? Access.READ : mode === O_WRONLY ? Access.WRITE : Access.READ | Access.WRITE;
  const owns = (seen.mode & S_IFMT) === S_IFREG && seen.uid === uidOf(identity);
  if (!owns && permitted(object, seen, fd, identity, mask) !== mask) throw fsError('EACCES', 'open');
}

/** Checks an open by the caller as {@link checkOpen} does, and truncates the file if O_TRUNC is set. */
export function openFor(brick: Brick, frame: Frame, inode: Inode, flags: number, type?: FileType): void {
  if (type === FileType.DIR && inode.type !== FileType.DIR) throw fsError('ENOTDIR', 'opendir');
  if (type === undefined) requireFile(inode.type);
  const { objects } = brick;
  const object = objects.of(inode);
  const seen = objects.stat(object);
  checkOpen(object, seen, objects.fd(object), frame.identity, flags);
  if ((flags & O_TRUNC) !== 0) truncateTo(brick, object, seen, frame.identity, 0);
}
