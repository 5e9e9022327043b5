/** Identifies the tree that a brick serves among all others, for `Xlator.volumeId`. */
import { createHash } from 'node:crypto';
import { fileSystemId } from '../../../../sys/files/file-system-id.ts';
import { lastError } from '../../../../sys/failure.ts';
import { handle, takeHandle } from '../../../../sys/files/handles.ts';
import { statFd } from '../../../../sys/files/statx.ts';
import type { Mount } from './mount.ts';

const ID_BYTES = 16;

/**
 * Returns 16 bytes made from the file system and the root directory on it, however they are reached: a directory that
 * is moved on its file system stays the same tree. The root is identified by the kernel's handle, which contains its
 * generation; if there is no lasting handle, by its inode number and birth time. `rootFd` is open for reading.
 */
export function treeId(rootFd: number, mount: Mount): Buffer {
  const hash = createHash('sha256').update(`${fileSystemId(rootFd)}\0`);
  if (mount.handlesLast && takeHandle(rootFd) === 0) {
    hash.update(`handle ${handle.type} ${handle.bytes.toString('hex')}`);
  } else {
    const seen = statFd(rootFd);
    if (seen === undefined) throw lastError('statx of the volume’s directory');
    hash.update(`inode ${seen.ino}`);
    // Overlayfs copies a directory up when something in it is changed, and its birth time changes with that.
    if (seen.hasBtime && !mount.copiesUp) hash.update(` ${seen.btime}.${seen.btimeNsec}`);
  }
  return hash.digest().subarray(0, ID_BYTES);
}
