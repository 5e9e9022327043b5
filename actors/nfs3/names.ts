/** What a client may call a thing: checked here, so that no name reaches the graph that is not one component. */
import { FileType } from '#src/graph/iatt.ts';
import type { Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { UnaskedError } from './unasked.ts';

export const NAME_BYTES_MAX = 255;
const NO_NAME = /[/\0]/;

/** A name to look up in `at`; `.` and `..` are names like others. RFC 1813, 3.2: ACCES for one that cannot be. */
export function checkName(at: Resolved, name: string): void {
  if (at.inode.type !== FileType.DIR) throw new UnaskedError('ENOTDIR');
  if (name.length > NAME_BYTES_MAX) throw new UnaskedError('ENAMETOOLONG');
  if (name === '' || NO_NAME.test(name)) throw new UnaskedError('EACCES', 'a name that is empty, or has a / or a NUL');
}

/** A name for something new in `at`: `.` and `..` are there already. */
export function checkNewName(at: Resolved, name: string): void {
  checkName(at, name);
  if (name === '.' || name === '..') throw new UnaskedError('EEXIST');
}

/** A name that is to go: RFC 1813, 3.3.13 has a status for each of `.` and `..`. */
export function checkDoomedName(at: Resolved, name: string): void {
  checkName(at, name);
  if (name === '.') throw new UnaskedError('EINVAL');
  if (name === '..') throw new UnaskedError('EEXIST');
}

/** A name to rename from or to: rename(2) knows no `.` and `..`. */
export function checkMovedName(at: Resolved, name: string): void {
  checkName(at, name);
  if (name === '.' || name === '..') throw new UnaskedError('EINVAL');
}

/** The target of a symlink: any bytes that a path can have, and some. */
export function checkTarget(target: string): void {
  if (target.length > 4095) throw new UnaskedError('ENAMETOOLONG');
  if (target === '' || target.includes('\0')) throw new UnaskedError('EINVAL', 'a symlink to nothing, or with a NUL');
}

/** Only regular files have bytes to read and write. */
export function checkRegular({ inode }: Resolved): void {
  if (inode.type === FileType.REG) return;
  throw new UnaskedError(inode.type === FileType.DIR ? 'EISDIR' : 'EINVAL', 'no regular file');
}
