/** Regular files, open for input and output. Each inode has one descriptor, which serves all callers. */
import { errnoOf } from '../../../../errno.ts';
import { setIdOf, type Iatt } from '../../../../graph/iatt.ts';
import { AT_FDCWD, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR } from '../../../../sys/constants.ts';
import { setMode } from '../../../../sys/files/attributes.ts';
import { procFd } from '../../../../sys/files/names.ts';
import { statFd } from '../../../../sys/files/statx.ts';
import { openat } from '../../../../sys/libc.ts';
import { asCaller, asRoot, canSwitch, type Identity, SERVER, uidOf } from '../../../../sys/process/identity.ts';
import type { Brick } from '../brick.ts';
import type { Descriptor } from '../objects/descriptors.ts';
import type { PosixObject } from '../objects/object.ts';
import type { Objects } from '../objects/objects.ts';
import { Flush } from './flush.ts';

const NOTHING = () => {};
const FLAGS = O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

/**
 * Returns the file's descriptor. It is opened with the caller's rights, or with root's if those are not enough: the fop
 * must check whether this caller may read or write. Only for regular files, and for directories that are to be synced.
 */
export function openFile(
  { objects }: Pick<Brick, 'objects'>,
  object: PosixObject,
  writable: boolean,
  identity: Identity,
): Descriptor {
  const open = object.file;
  const { files } = objects.caches;
  if (open !== undefined && (open.writable || !writable)) {
    files.use(open);
    return open;
  }
  const from = objects.fd(object);
  const fd = openAgain(objects, from, (writable ? O_RDWR : O_RDONLY) | FLAGS, identity);
  if (open) files.drop(open);
  return (object.file = files.add(object, fd, writable));
}

function openAgain({ caches }: Objects, from: number, flags: number, identity: Identity): number {
  const open = () => openat(AT_FDCWD, procFd(from), flags, 0);
  asCaller(identity);
  try {
    return caches.opened(open, 'open');
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    if (!canSwitch) return withOwnersRights(from, () => caches.opened(open, 'open'), error);
  }
  asRoot();
  return caches.opened(open, 'open');
}

/**
 * Opens a file for a server that is not root and whose user is the file's owner, although the mode forbids it. Over NFS an
 * owner may do so (`git` writes to files that it has made read-only), so the mode is changed for a moment.
 */
function withOwnersRights(from: number, open: () => number, error: unknown): number {
  const seen = statFd(from);
  if (seen === undefined || seen.uid !== SERVER.uid) throw error;
  const mode = seen.mode & 0o7777;
  setMode(from, mode | 0o600);
  try {
    return open();
  } finally {
    setMode(from, mode);
  }
}

/**
 * Clears the set-id bits of a file whose data is to be changed in the thread pool, with root's rights. When a caller who
 * is not root changes data itself, the kernel does so.
 */
export function clearSetId(fd: number, identity: Identity, { mode }: Iatt): void {
  const setId = setIdOf(mode);
  if (setId === 0 || uidOf(identity) === 0) return;
  asRoot();
  setMode(fd, mode & ~setId);
}

/**
 * Makes a file or directory durable, together with what the finder needs to find it. Callers at the same time share a
 * flush. Rejects with the error of the flush.
 */
export function syncFile(brick: Brick, object: PosixObject, dataOnly: boolean): Promise<void> {
  object.flush ??= new Flush(brick.pool, () => {
    const file = object.file ?? openFile(brick, object, false, SERVER);
    file.pin();
    file.dirty = false;
    const finish = (error: Error | null) => {
      if (error) brick.dataLost(error);
      file.unpin();
    };
    return { fd: file.fd, finish };
  });
  const flushed = object.flush.sync(dataOnly);
  const { finder } = brick.objects;
  return finder === undefined ? flushed : Promise.all([flushed, finder.durable()]).then(NOTHING);
}
