/** Which names are sent to a brick. */
import { FsError } from '../../../../errno.ts';

const NAME_MAX = 255;

/** Whether a directory can have an entry with this name. */
export const isName = (name: string): boolean =>
  name !== '' && name.length <= NAME_MAX && !name.includes('/') && !name.includes('\0');

/**
 * Refuses a name that a brick would take for something else: no name means the object of the gfid, and a brick looks up
 * what stands before a slash or a NUL.
 */
export function checkName(name: string): void {
  if (name.length > NAME_MAX) throw new FsError('ENAMETOOLONG', 'ENAMETOOLONG: a name has at most 255 bytes');
  if (!isName(name)) throw new FsError('EINVAL', 'EINVAL: no name');
}

export function checkNewName(name: string): void {
  checkName(name);
  if (name === '.' || name === '..') throw new FsError('EEXIST', 'EEXIST: the name of every directory');
}

export function checkRemovedName(name: string): void {
  checkName(name);
  if (name === '.') throw new FsError('EINVAL', 'EINVAL: the name of every directory');
  if (name === '..') throw new FsError('ENOTEMPTY', 'ENOTEMPTY: the name of every directory');
}
