/**
 * Whether the caller may change names in a directory. A change in several steps asks this before its first step, which is
 * not the caller's: if a brick refused a later step, undoing the first would have changed the times of the directory.
 */
import { FsError } from '../../../../errno.ts';
import { Access } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Core } from '../core.ts';

const CHANGE = Access.WRITE | Access.EXECUTE;
const STICKY = 0o1000;

/**
 * Resolves if the brick would let the caller add names to the directory, and take away the names of those in `taken`.
 *
 * @throws {FsError} EACCES, as the brick answers, also if it is the sticky bit of the directory that forbids it
 */
export async function mayChangeNames(
  core: Core,
  frame: Frame,
  at: number,
  directory: Inode,
  ...taken: readonly Pick<Iatt, 'uid'>[]
): Promise<void> {
  const { uid } = frame.identity;
  if (uid === 0) return;
  const child = core.at(at);
  const [{ granted }, { mode, uid: owner }] = await Promise.all([
    child.access(frame, directory, CHANGE),
    child.stat(frame, directory),
  ]);
  const isBound = (mode & STICKY) !== 0 && uid !== owner;
  if (granted !== CHANGE || (isBound && taken.some(one => one.uid !== uid))) throw new FsError('EACCES');
}
