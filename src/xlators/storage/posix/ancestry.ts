/** Where a directory is in the volume at this moment. */
import { errnoOf } from '../../../errno.ts';
import { FileType } from '../../../graph/iatt.ts';
import type { Inode } from '../../../inode/inode.ts';
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from '../../../sys/constants.ts';
import { fsError } from '../../../sys/failure.ts';
import { asRoot } from '../../../sys/identity.ts';
import { close, openat } from '../../../sys/libc.ts';
import { DOT_DOT } from '../../../sys/names.ts';
import { isWithin, pathOf } from '../../../sys/paths.ts';
import type { Brick } from './brick.ts';
import type { Objects } from './objects.ts';

/** Directories in each other: what is deeper is not looked for. */
const DEPTH_MAX = 4096;
/** How often the question is put again because the volume itself was moved meanwhile. */
const TRIES = 4;
const DELETED = ' (deleted)';

/** The answer to `ANCESTRY_PATH` of src/graph/virtual-xattrs.ts. */
export function ancestryPath({ objects }: Brick, inode: Inode): Buffer {
  if (inode.type !== FileType.DIR) throw fsError('ENODATA', 'only directories have one way up');
  const dir = objects.of(inode);
  const path = dir === objects.root ? '/' : placeInVolume(objects, objects.fd(dir));
  if (path === undefined) throw fsError('ESTALE', 'the directory is not in the volume any more');
  return Buffer.from(path, 'latin1');
}

/**
 * The path of the directory that is open as `fd` from the volume's root, as `ANCESTRY_PATH` has it; `undefined` if it
 * lies elsewhere. The kernel tells a path as it is at one moment, however directories are moved meanwhile; looking at
 * one directory above after the other would not.
 */
export function placeInVolume(objects: Objects, fd: number): string | undefined {
  const rootFd = objects.root.path!.fd;
  let root = pathOf(rootFd);
  for (let tries = 0; tries < TRIES; tries++) {
    if (root.endsWith(DELETED)) objects.stat(objects.root); // ESTALE, unless that is its name
    const path = toldPath(objects, fd);
    if (isWithin(path, root)) return root === '/' ? path : path.slice(root.length) || '/';
    const before = root;
    root = pathOf(rootFd);
    if (root === before) return undefined;
  }
  throw fsError('EJUKEBOX', 'the volume is moved all the time');
}

function toldPath(objects: Objects, fd: number): string {
  try {
    return pathOf(fd);
  } catch (error) {
    if (errnoOf(error) !== 'ENAMETOOLONG') throw error;
    return pathAbove(objects, fd);
  }
}

/** The path of the nearest directory above `fd` whose path the kernel tells, and `/.`. */
function pathAbove(objects: Objects, fd: number): string {
  asRoot();
  let at = fd;
  try {
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      const below = at;
      at = objects.opened(() => openat(below, DOT_DOT, O_PATH | O_DIRECTORY | O_CLOEXEC, 0), 'open of ..');
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
