/** The locks of clients (`lk`) on one object. */
import { FsError } from '#src/errno.ts';
import type { Flock, LockType } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import type { Connection } from './cluster-locks.ts';

/** The end of a range that extends to the end of the file. */
export const END = 2n ** 64n;

const isInTheWay = (a: LockType, b: LockType): boolean => a === 'write' || b === 'write';

interface Range {
  readonly frame: Frame;
  readonly owner: string;
  readonly type: LockType;
  readonly start: bigint;
  /** The first byte after the range. */
  readonly end: bigint;
}

interface Held extends Range {
  readonly connection: Connection;
}

interface Waiter {
  readonly connection: Connection;
  /** Takes the lock if it is free. */
  readonly tryAgain: () => boolean;
  readonly fail: (error: FsError) => void;
}

/** Locks on ranges of bytes (fcntl(2)). A new lock of an owner replaces its earlier locks in the range. */
export class PosixLocks {
  #held: Held[] = [];
  #waiting: Waiter[] = [];

  /** The lock of another owner that is in the way of `lock`, with its holder. */
  inTheWay(connection: Connection, frame: Frame, lock: Flock): Flock | undefined {
    const range = rangeOf(frame, lock);
    const isOthers = (one: Held) => one.connection !== connection || one.owner !== range.owner;
    const found = this.#held.find(
      one => isOthers(one) && one.start < range.end && range.start < one.end && isInTheWay(one.type, range.type),
    );
    if (found === undefined) return undefined;
    const { type, start, end } = found;
    const length = end === END ? 0n : end - start;
    return { type, start, length, pid: found.frame.pid, owner: found.frame.lkOwner };
  }

  async set(connection: Connection, frame: Frame, lock: Flock, wait: boolean): Promise<void> {
    const held: Held = { ...rangeOf(frame, lock), connection };
    const take = () => {
      if (lock.type !== 'unlock' && this.inTheWay(connection, frame, lock) !== undefined) return false;
      this.#clear(held);
      if (lock.type !== 'unlock') this.#held.push(held);
      return true;
    };
    await this.#enter(connection, frame, take, wait);
    this.#next(); // an unlock, or a write lock that has become a read lock
  }

  /** Gives up the locks of a connection that has ended. */
  drop(connection: Connection): void {
    const gone = this.#waiting.filter(one => one.connection === connection);
    this.#held = this.#held.filter(one => one.connection !== connection);
    this.#waiting = this.#waiting.filter(one => one.connection !== connection);
    for (const { fail } of gone) fail(new FsError('ENOTCONN'));
    this.#next();
  }

  /**
   * Takes a lock by `take`, which returns whether it could, at once or when others were given up.
   * @throws {FsError} EAGAIN if it is not to be waited for; EINTR if the caller no longer wants the answer
   */
  #enter(connection: Connection, { signal }: Frame, take: () => boolean, wait: boolean): Promise<void> {
    if (take()) return Promise.resolve();
    if (!wait) return Promise.reject(new FsError('EAGAIN'));
    if (signal.aborted) return Promise.reject(new FsError('EINTR'));
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting = this.#waiting.filter(one => one !== waiter);
        reject(new FsError('EINTR'));
      };
      const tryAgain = () => {
        if (!take()) return false;
        signal.removeEventListener('abort', giveUp);
        resolve();
        return true;
      };
      const fail = (error: FsError) => {
        signal.removeEventListener('abort', giveUp);
        reject(error);
      };
      const waiter: Waiter = { connection, tryAgain, fail };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #next(): void {
    this.#waiting = this.#waiting.filter(({ tryAgain }) => !tryAgain());
  }

  /** Removes the range from the locks of its owner. */
  #clear({ connection, owner, start, end }: Held): void {
    this.#held = this.#held.flatMap(one => {
      const isOwn = one.connection === connection && one.owner === owner;
      if (!isOwn || one.end <= start || end <= one.start) return [one];
      const before = one.start < start ? [{ ...one, end: start }] : [];
      const after = end < one.end ? [{ ...one, start: end }] : [];
      return [...before, ...after];
    });
  }
}

export function rangeOf(frame: Frame, { type, start, length }: Flock): Range {
  const end = length === 0n ? END : start + length;
  if (start < 0n || length < 0n || end > END) throw new FsError('EINVAL');
  const owner = `${frame.client} ${frame.lkOwner?.toString('hex') ?? ''}`;
  return { frame, owner, type, start, end };
}
