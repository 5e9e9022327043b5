/** Opens objects at the places that were noted for them. */
import { ERRNO, errnoOf } from '../../../../errno.ts';
import { keptCopy } from '../../../../kept-bytes.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH } from '../../../../sys/constants.ts';
import { fsError, systemError } from '../../../../sys/failure.ts';
import { cName, DOT } from '../../../../sys/files/names.ts';
import { close, errno, openat } from '../../../../sys/libc.ts';
import { isRoot } from '../objects/gfid.ts';
import type { Objects } from '../objects/objects.ts';
import type { Place, PlaceTable } from './place-table.ts';
import { findIn } from './search.ts';

/** The greatest depth at which a directory is found. */
const DEPTH_MAX = 1024;

const nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

export class PlaceOpening {
  readonly #objects: Objects;
  readonly #table: PlaceTable;
  readonly #missed: (gfid: Buffer, places: readonly Place[]) => boolean;

  /**
   * `missed` is called for an object that is at none of its places. It returns false if the object is gone; it throws,
   * or returns true, if a search has been started.
   */
  constructor(objects: Objects, table: PlaceTable, missed: (gfid: Buffer, places: readonly Place[]) => boolean) {
    this.#objects = objects;
    this.#table = table;
    this.#missed = missed;
  }

  /** Opens an object (O_PATH), with root's rights. ESTALE if it is gone, EJUKEBOX while it is searched for. */
  open(gfid: Buffer, depth = 0): number {
    if (depth > DEPTH_MAX) throw fsError('ELOOP', `more than ${DEPTH_MAX} directories in each other`);
    const places = this.#table.find(gfid);
    const fd = this.#openAt(gfid, places, depth) ?? this.#openRenamed(gfid, places, depth);
    if (fd !== undefined) return fd;
    if (this.#missed(gfid, places)) throw fsError('EJUKEBOX', 'the object was moved: it is searched for');
    this.#table.allRemoved(keptCopy(gfid));
    throw fsError('ESTALE', 'the object is gone');
  }

  /**
   * Like {@link open}, but returns `undefined` for an object, or a directory above it, that is at none of its places.
   */
  openNoted(gfid: Buffer, depth = 0): number | undefined {
    if (isRoot(gfid)) return openat(this.#rootFd, DOT, O_PATH | O_CLOEXEC, 0);
    if (depth > DEPTH_MAX) return undefined;
    for (const { parent, name } of this.#table.find(gfid)) {
      const dir = this.openNoted(Buffer.from(parent), depth + 1);
      if (dir === undefined) continue;
      try {
        const fd = this.#openIfSame(dir, nameOf(name), gfid);
        if (fd !== undefined) return fd;
      } finally {
        close(dir);
      }
    }
    return undefined;
  }

  get #rootFd(): number {
    return this.#objects.fd(this.#objects.root);
  }

  /** Opens an object at one of its places; `undefined` if it is at none of them. */
  #openAt(gfid: Buffer, places: readonly Place[], depth: number): number | undefined {
    for (const { parent, name } of places) {
      const fd = this.#inParent(parent, depth, dirFd => this.#openIfSame(dirFd, nameOf(name), gfid));
      if (fd !== undefined) return fd;
    }
    return undefined;
  }

  /** Opens an object that is at none of its places. Most often it has got another name in the same directory. */
  #openRenamed(gfid: Buffer, places: readonly Place[], depth: number): number | undefined {
    for (const { parent, ino } of places) {
      const fd = this.#inParent(parent, depth, (dirFd, dir) =>
        findIn(dirFd, ino, name => {
          const found = this.#openIfSame(dirFd, name, gfid);
          // The place may be written later, and `gfid` may be a view into the call.
          if (found !== undefined) this.#table.added({ parent: dir, name, gfid: keptCopy(gfid), ino });
          return found;
        }),
      );
      if (fd !== undefined) return fd;
    }
    return undefined;
  }

  /** Runs `use` on a descriptor of the directory; `undefined` if that is gone. */
  #inParent<T>(gfid: Uint8Array, depth: number, use: (fd: number, gfid: Buffer) => T): T | undefined {
    const parent = Buffer.from(gfid);
    if (isRoot(parent)) return use(this.#rootFd, parent);
    let fd: number;
    try {
      fd = this.open(parent, depth + 1);
    } catch (error) {
      if (errnoOf(error) === 'ESTALE') return undefined;
      throw error;
    }
    try {
      return use(fd, parent);
    } finally {
      close(fd);
    }
  }

  /** Opens the object called `name` if it has that gfid. */
  #openIfSame(dirFd: number, name: string, gfid: Buffer): number | undefined {
    const fd = openat(dirFd, cName(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) {
      const number = errno();
      if (number === ERRNO.ENOENT || number === ERRNO.ENOTDIR) return undefined;
      throw systemError(number === ERRNO.EMFILE ? ERRNO.EJUKEBOX : number, 'open by name');
    }
    try {
      if (this.#objects.gfidOf(fd).equals(gfid)) return fd;
    } catch (error) {
      close(fd);
      throw error;
    }
    close(fd);
    return undefined;
  }
}
