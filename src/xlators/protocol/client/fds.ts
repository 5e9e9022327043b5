/**
 * The files and directories that are open at a brick, and the locks of clients. The brick forgets both when the connection
 * ends, so they are opened and taken again on the next one.
 */
import { FsError } from '../../../errno.ts';
import type { Flock } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Fd } from '../../../graph/inode.ts';
import type { Note } from '../../../graph/note.ts';
import { type HeldLock, HeldLocks } from '../../../graph/fops/held-locks.ts';

/** Stands for no open file: the brick opens the object for one fop. */
export const ANONYMOUS = -2;
/** How many calls are under way at a time while everything is opened again. */
const AT_ONCE = 256;

/** What the slot of an fd holds. */
export class RemoteFd {
  readonly gfid: Buffer;
  /** The flags of open(2); `undefined` for a directory. */
  readonly flags: number | undefined;
  /** The number that the brick has given to it on the present connection. */
  number: number;

  constructor(gfid: Buffer, flags: number | undefined, number: number) {
    this.gfid = Buffer.from(gfid);
    this.flags = flags;
    this.number = number;
  }

  get isOpen(): boolean {
    return this.number !== ANONYMOUS;
  }
}

/** Stands in the slot of an fd that was released. */
const CLOSED = new RemoteFd(Buffer.alloc(0), undefined, ANONYMOUS);

/** How a new connection opens and locks. */
export interface Reopening {
  /** Returns the fd's new number. */
  readonly open: (fd: RemoteFd) => Promise<number>;
  readonly lock: (held: HeldLock, number: number) => Promise<void>;
}

export class RemoteFds {
  readonly #slot: number;
  readonly #fds = new Set<RemoteFd>();
  readonly #locks = new HeldLocks<RemoteFd>();

  constructor(slot: number) {
    this.#slot = slot;
  }

  /** How many are open. */
  get size(): number {
    return this.#fds.size;
  }

  /** The note of an fd that the brick has opened under this number. */
  opened(number: number, gfid: Buffer, flags?: number): Note {
    const value = new RemoteFd(gfid, flags, number);
    this.#fds.add(value);
    return { slot: this.#slot, value, next: undefined };
  }

  /**
   * The number of `fd` at the brick. One that could not be opened again yet is used like an anonymous one, as is one that was
   * opened at other bricks while this one was down; unless it has locks, which would protect nothing.
   * @throws {FsError} EBADFD
   */
  numberOf(fd: Fd): number {
    const remote = this.#of(fd);
    if (remote === undefined) return ANONYMOUS;
    if (remote === CLOSED) throw new FsError('EBADF', 'the file is not open');
    if (!remote.isOpen && this.#locks.has(remote)) throw new FsError('EBADFD', 'the locks of the file were lost');
    return remote.number;
  }

  /** The number of any fd by which this file is open. This looks through all fds. */
  anyOf(gfid: Buffer): number | undefined {
    return this.#fds.values().find(fd => fd.isOpen && fd.gfid.equals(gfid))?.number;
  }

  #of(fd: Fd): RemoteFd | undefined {
    return fd.anonymous ? undefined : (fd.slots[this.#slot] as RemoteFd | undefined);
  }

  /** Forgets `fd`. Returns what the brick must close; `undefined` if nothing is open there. */
  release(fd: Fd): RemoteFd | undefined {
    const remote = this.#of(fd);
    if (remote === undefined || !this.#fds.delete(remote)) return undefined;
    fd.slots[this.#slot] = CLOSED;
    this.#locks.forget(remote);
    return remote.isOpen ? remote : undefined;
  }

  /** Notes a lock that the brick has given, or taken back. */
  locked(frame: Frame, fd: Fd, lock: Flock): void {
    this.#locks.set(frame, fd.inode.gfid, lock, this.#of(fd));
  }

  /** Notes that the locks of the frame's owner on a file were given up. */
  flushed(frame: Frame, fd: Fd): void {
    this.#locks.set(frame, fd.inode.gfid, { type: 'unlock', start: 0n, length: 0n }, this.#of(fd));
  }

  /** Notes that the connection has ended. */
  dropped(): void {
    for (const fd of this.#fds) fd.number = ANONYMOUS;
  }

  /**
   * Opens everything on a new connection, and then takes the locks. What can no longer be opened is used like an
   * anonymous fd, and the brick says what has become of it. A lock that another client has got is lost: returns how many.
   */
  async reopen({ open, lock }: Reopening): Promise<number> {
    await each([...this.#fds], async fd => {
      const number = await open(fd);
      if (this.#fds.has(fd)) fd.number = number;
    });
    let lost = 0;
    await each(this.#locks.all(), async ([held, fd]) => {
      try {
        if (fd !== undefined && !fd.isOpen) throw new FsError('EBADFD');
        await lock(held, fd?.number ?? ANONYMOUS);
      } catch {
        lost++;
        // The locks of an open file stay noted, so that it fails from now on in place of working without them.
        if (fd === undefined) this.#locks.lose(held);
        else fd.number = ANONYMOUS;
      }
    });
    return lost;
  }
}

/** Makes `call` for each item, some at a time. A call that fails has no effect on the others. */
async function each<T>(items: readonly T[], call: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    await Promise.allSettled(items.slice(at, at + AT_ONCE).map(call));
  }
}
