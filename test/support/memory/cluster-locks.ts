/** The locks of cluster xlators (inodelk, entrylk) on one object, as the brick's features/locks keeps them. */
import { FsError } from '#src/errno.ts';
import type { LockType } from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';

/** A client's connection to the brick. With it its locks go, granted or waited for. */
export interface Connection {
  /** Told when another owner asks for a lock on the object that this connection has. */
  contended(gfid: Buffer): void;
}

export interface ClusterLock {
  readonly connection: Connection;
  readonly owner: string;
  readonly type: LockType;
}

/** A lock on the bytes from `start` up to `end`. */
export interface RangeLock extends ClusterLock {
  readonly start: bigint;
  readonly end: bigint;
}

/** A lock on a name in a directory, or on all of them. */
export interface NameLock extends ClusterLock {
  readonly name: string | undefined;
}

export const rangesOverlap = (a: RangeLock, b: RangeLock): boolean => a.start < b.end && b.start < a.end;
export const isSameRange = (a: RangeLock, b: RangeLock): boolean => a.start === b.start && a.end === b.end;
export const namesOverlap = (a: NameLock, b: NameLock): boolean =>
  a.name === undefined || b.name === undefined || a.name === b.name;
export const isSameName = (a: NameLock, b: NameLock): boolean => a.name === b.name;

const isOneOwner = (a: ClusterLock, b: ClusterLock): boolean => a.connection === b.connection && a.owner === b.owner;

interface Waiter<L> {
  readonly lock: L;
  readonly grant: () => void;
  readonly fail: (error: FsError) => void;
}

export interface DomainRules<L> {
  readonly overlap: (a: L, b: L) => boolean;
  readonly isSame: (a: L, b: L) => boolean;
  /** Called with each lock that is in the way of another owner's. */
  readonly contended: (held: L) => void;
}

/** The locks of one domain on one object. Calls that wait are served in order, and none overtakes another. */
export class DomainLocks<L extends ClusterLock> {
  #held: L[] = [];
  #waiting: Waiter<L>[] = [];
  readonly #rules: DomainRules<L>;

  constructor(rules: DomainRules<L>) {
    this.#rules = rules;
  }

  /** How many locks are held and waited for. */
  count(isCounted: (lock: L) => boolean = () => true): number {
    return [...this.#held, ...this.#waiting.map(({ lock }) => lock)].filter(isCounted).length;
  }

  /**
   * @throws {FsError} EAGAIN if another owner's lock is in the way and is not to be waited for, EINTR if the caller gives
   * up, ENOTCONN if its connection ends
   */
  lock(lock: L, { signal }: Frame, wait: boolean): Promise<void> {
    if (this.#isFree(lock)) {
      this.#held.push(lock);
      return Promise.resolve();
    }
    for (const held of this.#held) if (this.#conflict(held, lock)) this.#rules.contended(held);
    if (!wait) return Promise.reject(new FsError('EAGAIN'));
    if (signal.aborted) return Promise.reject(new FsError('EINTR'));
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting = this.#waiting.filter(one => one !== waiter);
        this.#serve();
        reject(new FsError('EINTR'));
      };
      const ended =
        <A extends unknown[]>(settle: (...args: A) => void) =>
        (...args: A) => {
          signal.removeEventListener('abort', giveUp);
          settle(...args);
        };
      const waiter: Waiter<L> = { lock, grant: ended(resolve), fail: ended(reject) };
      this.#waiting.push(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** @throws {FsError} EINVAL if the owner does not hold exactly this lock */
  unlock(lock: L): void {
    const at = this.#held.findIndex(one => isOneOwner(one, lock) && this.#rules.isSame(one, lock));
    if (at < 0) throw new FsError('EINVAL');
    this.#held.splice(at, 1);
    this.#serve();
  }

  /** Gives up all locks of a connection that has ended. */
  drop(connection: Connection): void {
    const gone = this.#waiting.filter(({ lock }) => lock.connection === connection);
    this.#held = this.#held.filter(lock => lock.connection !== connection);
    this.#waiting = this.#waiting.filter(({ lock }) => lock.connection !== connection);
    for (const { fail } of gone) fail(new FsError('ENOTCONN'));
    this.#serve();
  }

  #conflict(a: L, b: L): boolean {
    return !isOneOwner(a, b) && (a.type === 'write' || b.type === 'write') && this.#rules.overlap(a, b);
  }

  #isFree(lock: L): boolean {
    const isHolder = this.#held.some(held => isOneOwner(held, lock));
    const before = isHolder ? [] : this.#waiting.map(({ lock }) => lock);
    return ![...this.#held, ...before].some(other => this.#conflict(other, lock));
  }

  #serve(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (this.#isFree(waiter.lock)) {
        this.#held.push(waiter.lock);
        waiter.grant();
      } else {
        this.#waiting.push(waiter);
      }
    }
  }
}
