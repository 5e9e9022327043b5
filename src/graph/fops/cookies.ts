/**
 * The cookies of a layer over several children, whose listings it joins: a child's position and the child's number in
 * one cookie of 63 bits. Linux's seekdir takes no negative offset, so the 64th bit stays free.
 */

const COOKIE_BITS = 63n;
/**
 * The largest cookie of a directory entry. A cookie of a brick is a position in a directory, which lseek(2) takes as a
 * signed number.
 */
export const COOKIE_MAX = (1n << COOKIE_BITS) - 1n;
/** The cookie holds a large position, of which the lowest bits are missing. */
const LARGE = 1n << (COOKIE_BITS - 1n);

/** How many bits the numbers of so many children take. */
const bitsFor = (children: number): bigint => BigInt(32 - Math.clz32(children - 1));

/** A position in the listing of one child. */
export interface ChildPosition {
  readonly child: number;
  readonly position: bigint;
}

/**
 * Returns the cookie for the position (63 bits) of a child; children are counted from 0. Small positions are kept
 * exactly. Of positions that leave no room for the number the lowest bits are lost, so that {@link unfoldCookie} returns
 * an earlier one: some entries may be listed twice, but none is missed.
 */
export function foldCookie(position: bigint, child: number, children: number): bigint {
  if (children === 1) return position;
  const bits = bitsFor(children);
  const isSmall = position < LARGE >> bits;
  return isSmall ? (position << bits) | BigInt(child) : LARGE | ((position >> (bits + 1n)) << bits) | BigInt(child);
}

/** Returns whose cookie it is and where that child's listing continues; `undefined` if it is no such cookie. */
export function unfoldCookie(cookie: bigint, children: number): ChildPosition | undefined {
  if (children === 1) return { child: 0, position: cookie };
  const bits = bitsFor(children);
  const child = Number(cookie & ((1n << bits) - 1n));
  if (child >= children) return undefined;
  const kept = (cookie & (LARGE - 1n)) >> bits;
  return { child, position: (cookie & LARGE) === 0n ? kept : kept << (bits + 1n) };
}

/** How many positions are remembered for one directory. */
const RECENT_MAX = 1024;

/**
 * The exact positions at which the most recent pages of a listing ended, by the cookies that the client was given. With
 * them no entry is listed twice as long as the server runs.
 */
export class RecentCookies {
  readonly #positions = new Map<bigint, bigint>();

  positionOf(cookie: bigint): bigint | undefined {
    return this.#positions.get(cookie);
  }

  /** Remembers the position at which a page with this last cookie ended. */
  remember(cookie: bigint, position: bigint): void {
    this.#positions.delete(cookie);
    this.#positions.set(cookie, position);
    if (this.#positions.size > RECENT_MAX) this.#positions.delete(this.#positions.keys().next().value!);
  }
}
