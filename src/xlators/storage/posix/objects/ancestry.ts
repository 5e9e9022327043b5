/** Finds out where a directory is in the volume at this moment. */
import { errnoOf } from '../../../../errno.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from '../../../../sys/constants.ts';
import { fsError } from '../../../../sys/failure.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import { close, openat } from '../../../../sys/libc.ts';
import { DOT_DOT } from '../../../../sys/files/names.ts';
import { isWithin, pathOf } from '../../../../sys/files/paths.ts';
import type { Objects } from './objects.ts';

/** How many directories above one are visited to find one whose path the kernel reports. */
const DEPTH_MAX = 4096;
/** How often the search is repeated if the volume itself was moved meanwhile. */
const TRIES = 4;
/** What the kernel appends to the path of a directory that was removed. */
const DELETED = ' (deleted)';

/** Returns the value of `ANCESTRY_PATH`, see src/graph/fops/virtual-xattrs.ts. */
export function ancestryPath(objects: Objects, inode: Inode): Buffer {
  if (inode.type !== FileType.DIR) throw fsError('ENODATA', 'only directories have one way up');
  const dir = objects.of(inode);
  const path = dir === objects.root ? '/' : placeInVolume(objects, objects.fd(dir));
  if (path === undefined) throw fsError('ESTALE', 'the directory is not in the volume any more');
  return Buffer.from(path, 'latin1');
}

/**
 * Returns the path from the volume's root of the directory that is open as `fd`, in the form of `ANCESTRY_PATH`;
 * `undefined` if it is not in the volume. The kernel reports a path as it is at one moment, however directories are
 * moved meanwhile. Visiting one ancestor after the other could not do that.
 */
export function placeInVolume(objects: Objects, fd: number): string | undefined {
  const rootFd = objects.root.path!.fd;
  let root = pathOf(rootFd);
  for (let tries = 0; tries < TRIES; tries++) {
    if (root.endsWith(DELETED)) objects.stat(objects.root); // ESTALE, unless that is its name
    const path = reportedPath(objects, fd);
    if (isWithin(path, root)) return root === '/' ? path : path.slice(root.length) || '/';
    const before = root;
    root = pathOf(rootFd);
    if (root === before) return undefined;
  }
  throw fsError('EJUKEBOX', 'the volume is being moved again and again');
}

/** Returns the path of the directory as the kernel reports it, or as {@link pathAbove} does if it is too long. */
function reportedPath(objects: Objects, fd: number): string {
  try {
    return pathOf(fd);
  } catch (error) {
    if (errnoOf(error) !== 'ENAMETOOLONG') throw error;
    return pathAbove(objects, fd);
  }
}

/** Returns the path of the nearest ancestor of `fd` whose path the kernel reports, followed by `/.`. */
function pathAbove(objects: Objects, fd: number): string {
  asRoot();
  let at = fd;
  try {
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      const below = at;
      at = objects.caches.opened(() => openat(below, DOT_DOT, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), 'open of ..');
      if (below !== fd) close(below);
      try {
        return `${pathOf(at)}/.`;
      } catch (error) {
        if (errnoOf(error) !== 'ENAMETOOLONG') throw error;
      }
    }
  } finally {
    if (at !== fd) close(at);
  }
  throw fsError('ENAMETOOLONG', `more than ${DEPTH_MAX} directories in each other`);
}
