/** The locks (fcntl(2), flock(2)) that were given, so that they can be taken again on another connection or graph. */
import type { Flock } from '../fops.ts';
import type { Frame } from '../frame.ts';
import { NEVER } from '../own-frame.ts';

/** The end of a range that extends to the end of the file. */
const END = 1n << 64n;

/** A lock, as it is asked for. */
export interface HeldLock {
  readonly frame: Frame;
  readonly gfid: Buffer;
  readonly lock: Flock;
}

interface Range<F> extends HeldLock {
  readonly start: bigint;
  /** The first byte after the range. */
  readonly end: bigint;
  /** What it was locked through; `undefined` for an anonymous fd. */
  readonly through: F | undefined;
}

/** Merges locks as a brick does: a lock replaces what its owner has had in the range. `F` is what was locked through. */
export class HeldLocks<F extends object> {
  /** By file and owner. */
  readonly #held = new Map<string, Range<F>[]>();
  /** How many ranges are locked through each fd. */
  readonly #through = new Map<F, number>();

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  has(through: F): boolean {
    return this.#through.has(through);
  }

  /** Notes a lock, or an unlock, that was confirmed. */
  set(frame: Frame, gfid: Buffer, lock: Flock, through: F | undefined): void {
    const key = keyOf(frame, gfid);
    const [start, end] = [lock.start, lock.length === 0n ? END : lock.start + lock.length];
    const kept: Range<F>[] = [];
    for (const one of this.#held.get(key) ?? []) {
      this.#count(one.through, -1);
      if (one.end <= start || end <= one.start) kept.push(one);
      if (one.start < start && start < one.end) kept.push(ranged(one, one.start, start));
      if (one.start < end && end < one.end) kept.push(ranged(one, end, one.end));
    }
    if (lock.type !== 'unlock') {
      // The signal of the call must not end what is done for the connection later.
      kept.push({ frame: { ...frame, signal: NEVER }, gfid: Buffer.from(gfid), lock, start, end, through });
    }
    for (const one of kept) this.#count(one.through, 1);
    if (kept.length === 0) this.#held.delete(key);
    else this.#held.set(key, kept);
  }

  #count(through: F | undefined, more: number): void {
    if (through === undefined) return;
    const count = (this.#through.get(through) ?? 0) + more;
    if (count === 0) this.#through.delete(through);
    else this.#through.set(through, count);
  }

  /** Drops all locks that were taken through an fd. */
  forget(through: F): void {
    if (!this.#through.delete(through)) return;
    for (const [key, ranges] of this.#held) {
      const kept = ranges.filter(one => one.through !== through);
      if (kept.length === 0) this.#held.delete(key);
      else if (kept.length < ranges.length) this.#held.set(key, kept);
    }
  }

  /** Drops a lock that could not be taken again. */
  lose({ frame, gfid, lock }: HeldLock): void {
    this.set(frame, gfid, { ...lock, type: 'unlock' }, undefined);
  }

  all(): (readonly [HeldLock, F | undefined])[] {
    return [...this.#held.values()].flat().map(one => [one, one.through] as const);
  }
}

const keyOf = ({ client, lkOwner }: Frame, gfid: Buffer): string =>
  `${gfid.toString('latin1')} ${lkOwner?.toString('latin1') ?? ''} ${client}`;

const ranged = <F>(one: Range<F>, start: bigint, end: bigint): Range<F> => ({
  ...one,
  start,
  end,
  lock: { ...one.lock, start, length: end === END ? 0n : end - start },
});
