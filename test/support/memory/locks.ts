/** The locks on one object, as a GlusterFS brick keeps them: in memory, and separate for each domain. */
import { FsError } from '#src/errno.ts';
import type { Flock, LockType } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';

/** The end of a range that extends to the end of the file. */
const END = 2n ** 64n;

const ownerOf = ({ client, lkOwner }: Frame): string => `${client} ${lkOwner?.toString('hex') ?? ''}`;

const isInTheWay = (a: LockType, b: LockType): boolean => a === 'write' || b === 'write';

/** Calls that wait for a lock, in the order in which they came. */
class Queue {
  readonly #waiting = new Set<() => boolean>();

  /**
   * Takes a lock by `take`, which returns whether it could, at once or when others were given up.
   * @throws {FsError} EAGAIN if it is not to be waited for; EINTR if the caller no longer wants the answer
   */
  enter({ signal }: Frame, take: () => boolean, wait: boolean): Promise<void> {
    if (take()) return Promise.resolve();
    if (!wait) return Promise.reject(new FsError('EAGAIN'));
    if (signal.aborted) return Promise.reject(new FsError('EINTR'));
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(tryAgain);
        reject(new FsError('EINTR'));
      };
      const tryAgain = () => {
        if (!take()) return false;
        signal.removeEventListener('abort', giveUp);
        resolve();
        return true;
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(tryAgain);
    });
  }

  /** Must be called when a lock was released. */
  next(): void {
    for (const tryAgain of this.#waiting) if (tryAgain()) this.#waiting.delete(tryAgain);
  }
}

interface Range {
  readonly frame: Frame;
  readonly owner: string;
  readonly type: LockType;
  readonly start: bigint;
  /** The first byte after the range. */
  readonly end: bigint;
}

/** Locks on ranges of bytes (fcntl(2)). A new lock of an owner replaces its earlier locks in the range. */
class RangeLocks {
  #held: Range[] = [];
  readonly #queue = new Queue();

  /** The lock of another owner that is in the way of `lock`, with its holder. */
  inTheWay(frame: Frame, lock: Flock): Flock | undefined {
    const range = rangeOf(frame, lock);
    const found = this.#held.find(
      one =>
        one.owner !== range.owner && one.start < range.end && range.start < one.end && isInTheWay(one.type, range.type),
    );
    if (found === undefined) return undefined;
    const { type, start, end } = found;
    const length = end === END ? 0n : end - start;
    return { type, start, length, pid: found.frame.pid, owner: found.frame.lkOwner };
  }

  async set(frame: Frame, lock: Flock, wait: boolean): Promise<void> {
    const range = rangeOf(frame, lock);
    const take = () => {
      if (lock.type !== 'unlock' && this.inTheWay(frame, lock) !== undefined) return false;
      this.#clear(range);
      if (lock.type !== 'unlock') this.#held.push(range);
      return true;
    };
    await this.#queue.enter(frame, take, wait);
    this.#queue.next(); // an unlock, or a write lock that has become a read lock
  }

  /** Removes the range from the locks of its owner. */
  #clear({ owner, start, end }: Range): void {
    this.#held = this.#held.flatMap(one => {
      if (one.owner !== owner || one.end <= start || end <= one.start) return [one];
      const before = one.start < start ? [{ ...one, end: start }] : [];
      const after = end < one.end ? [{ ...one, start: end }] : [];
      return [...before, ...after];
    });
  }
}

function rangeOf(frame: Frame, { type, start, length }: Flock): Range {
  const end = length === 0n ? END : start + length;
  if (start < 0n || length < 0n || end > END) throw new FsError('EINVAL');
  return { frame, owner: ownerOf(frame), type, start, end };
}

interface Name {
  readonly owner: string;
  readonly type: LockType;
  /** The locked name. Undefined for all names. */
  readonly name: string | undefined;
}

/** Locks on names in a directory. */
class NameLocks {
  #held: Name[] = [];
  readonly #queue = new Queue();

  async set(frame: Frame, name: string | undefined, type: LockType, wait: boolean): Promise<void> {
    const owner = ownerOf(frame);
    if (type === 'unlock') {
      const at = this.#held.findIndex(one => one.owner === owner && one.name === name);
      if (at < 0) throw new FsError('EINVAL');
      this.#held.splice(at, 1);
      this.#queue.next();
      return;
    }
    const isFree = (one: Name) =>
      one.owner === owner ||
      (one.name !== undefined && name !== undefined && one.name !== name) ||
      !isInTheWay(one.type, type);
    const take = () => {
      if (!this.#held.every(isFree)) return false;
      this.#held.push({ owner, type, name });
      return true;
    };
    await this.#queue.enter(frame, take, wait);
  }
}

/** All locks on one object. */
export class NodeLocks {
  /** The locks of `lk`. */
  readonly posix = new RangeLocks();
  readonly #ranges = new Map<string, RangeLocks>();
  readonly #names = new Map<string, NameLocks>();

  /** The locks of `inodelk` in a domain. */
  ranges(domain: string): RangeLocks {
    return getOrAdd(this.#ranges, domain, () => new RangeLocks());
  }

  /** The locks of `entrylk` in a domain. */
  names(domain: string): NameLocks {
    return getOrAdd(this.#names, domain, () => new NameLocks());
  }
}

function getOrAdd<T>(map: Map<string, T>, key: string, make: () => T): T {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
