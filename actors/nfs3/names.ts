/** Checks of names and types, made before the graph is asked: a name that reaches it is always one path component. */
import { FileType } from '#src/graph/iatt.ts';
import { NAME_MAX } from '#src/sys/constants.ts';
import type { Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { UnaskedError } from './unasked.ts';

/** PATH_MAX of Linux without the NUL at the end. */
const TARGET_BYTES_MAX = 4095;
/** What a name cannot contain. */
const FORBIDDEN = /[/\0]/;

/** Checks a name to look up; `.` and `..` are allowed. An impossible name is ACCES (RFC 1813, 3.2). */
export function checkName(at: Resolved, name: string): void {
  if (at.inode.type !== FileType.DIR) throw new UnaskedError('ENOTDIR');
  if (name.length > NAME_MAX) throw new UnaskedError('ENAMETOOLONG');
  if (name === '' || FORBIDDEN.test(name))
    throw new UnaskedError('EACCES', 'the name is empty or contains a slash or NUL');
}

/** Checks the name of a new object; `.` and `..` always exist. */
export function checkNewName(at: Resolved, name: string): void {
  checkName(at, name);
  if (name === '.' || name === '..') throw new UnaskedError('EEXIST');
}

/** Checks a name to remove. RFC 1813, 3.3.13 has a status for `.` and another for `..`. */
export function checkRemovedName(at: Resolved, name: string): void {
  checkName(at, name);
  if (name === '.') throw new UnaskedError('EINVAL');
  if (name === '..') throw new UnaskedError('EEXIST');
}

/** Checks the old or new name of a rename: rename(2) refuses `.` and `..`. */
export function checkMovedName(at: Resolved, name: string): void {
  checkName(at, name);
  if (name === '.' || name === '..') throw new UnaskedError('EINVAL');
}

/** Checks the target of a symlink, which need not be a valid path. */
export function checkTarget(target: string): void {
  if (target.length > TARGET_BYTES_MAX) throw new UnaskedError('ENAMETOOLONG');
  if (target === '' || target.includes('\0')) throw new UnaskedError('EINVAL', 'the target is empty or contains NUL');
}

/** Checks that the object is a regular file, which alone has data. */
export function checkRegular({ inode }: Resolved): void {
  if (inode.type === FileType.REG) return;
  throw new UnaskedError(inode.type === FileType.DIR ? 'EISDIR' : 'EINVAL', 'not a regular file');
}
