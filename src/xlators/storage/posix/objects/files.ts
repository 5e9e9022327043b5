/** Regular files, open for input and output: one descriptor for each inode, whoever the callers are. */
import { close as closePooled, fdatasync } from 'node:fs';
import { errnoOf } from '../../../../errno.ts';
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  S_ISGID,
  S_ISUID,
} from '../../../../sys/constants.ts';
import { setMode } from '../../../../sys/files/attributes.ts';
import { asCaller, asRoot, canSwitch, SERVER, uidOf } from '../../../../sys/process/identity.ts';
import { close, openat } from '../../../../sys/libc.ts';
import { procFd } from '../../../../sys/files/names.ts';
import { stat, statFd } from '../../../../sys/files/statx.ts';
import type { Identity } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { BrickWatch } from '../../../../graph/live/brick-watch.ts';
import type { Brick } from '../brick.ts';
import type { Descriptor } from './descriptors.ts';
import { Flush } from '../data/flush.ts';
import type { PosixObject } from './object.ts';
import type { Objects } from './objects.ts';
import type { PoolShare } from '../data/pool-share.ts';

const NOTHING = () => {};
const FLAGS = O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

/**
 * The file's descriptor. It is opened as `identity` if he may, and otherwise with root's rights: whether the caller may
 * read or write now is for the fop to ask. To be called only for regular files (and directories, to sync them).
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

function openAgain(objects: Objects, from: number, flags: number, identity: Identity): number {
  const open = () => openat(AT_FDCWD, procFd(from), flags, 0);
  asCaller(identity);
  try {
    return objects.opened(open, 'open');
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    if (!canSwitch) return withOwnersRights(objects, from, open, error);
  }
  asRoot();
  return objects.opened(open, 'open');
}

/**
 * Not root, and the mode forbids the owner (us) what the owner of a file may do through NFS: `git` writes to files that
 * it made read-only. So the mode gives way for a moment.
 */
function withOwnersRights(objects: Objects, from: number, open: () => number, error: unknown): number {
  if (statFd(from) < 0 || stat.uid !== SERVER.uid) throw error;
  const mode = stat.mode & 0o7777;
  setMode(from, mode | 0o600);
  try {
    return objects.opened(open, 'open');
  } finally {
    setMode(from, mode);
  }
}

/** As the kernel does when somebody changes the data who is not root: for changes in the thread pool, made as root. */
export function clearSetId(fd: number, identity: Identity, { mode }: Iatt): void {
  const setId = mode & (S_ISUID | ((mode & 0o10) !== 0 ? S_ISGID : 0));
  if (setId === 0 || uidOf(identity) === 0) return;
  asRoot();
  setMode(fd, mode & ~setId);
}

/**
 * Makes the file (or directory) durable, and that its handle finds it, sharing a flush with whoever else asks. Rejects with
 * the error of that.
 */
export function syncFile(brick: Brick, object: PosixObject, dataOnly: boolean): Promise<void> {
  object.flush ??= new Flush(brick.pool, () => {
    const file = object.file ?? openFile(brick, object, false, SERVER);
    file.pin();
    file.dirty = false;
    const finish = (error: Error | null) => {
      if (error) lostData(brick, error);
      file.unpin();
    };
    return { fd: file.fd, finish };
  });
  const flushed = object.flush.sync(dataOnly);
  const { index } = brick.objects;
  return index === undefined ? flushed : Promise.all([flushed, index.durable()]).then(NOTHING);
}

function lostData(brick: Brick, error: Error): void {
  brick.log.error({ err: error }, 'writing back failed: what was written and not committed may be lost');
  brick.unstableLost();
}

/** How a file's descriptor is closed: what was written through it is made durable first, or nobody would hear of errors. */
export class FileCloser {
  readonly #max: number;
  readonly #pool: PoolShare;
  readonly #watch: BrickWatch | undefined;
  readonly #closing = new Set<Promise<void>>();
  brick: Brick | undefined;

  /** Writes wait while `max` files are being closed. */
  constructor(max: number, pool: PoolShare, watch: BrickWatch | undefined) {
    this.#max = max;
    this.#pool = pool;
    this.#watch = watch;
  }

  readonly close = (descriptor: Descriptor): void => {
    const { fd, dirty } = descriptor;
    if (!dirty && this.#watch?.hangs !== true) {
      close(fd);
      return;
    }
    const closed = this.#pool.run(() => this.#close(fd, dirty), true);
    this.#closing.add(closed);
    void closed.then(() => this.#closing.delete(closed));
  };

  #close(fd: number, dirty: boolean): Promise<void> {
    return new Promise(resolve => {
      if (!dirty) {
        closePooled(fd, () => resolve());
        return;
      }
      fdatasync(fd, error => {
        if (error && this.brick) lostData(this.brick, error);
        closePooled(fd, () => resolve());
      });
    });
  }

  get crowded(): boolean {
    return this.#closing.size >= this.#max;
  }

  /** Until one of them is closed. */
  async room(): Promise<void> {
    await Promise.race(this.#closing);
  }

  /** Until all are closed. */
  async settled(): Promise<void> {
    while (this.#closing.size > 0) await Promise.all(this.#closing);
  }
}
