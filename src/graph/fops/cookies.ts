/**
 * The cookies of a layer over several children, whose listings it joins: a child's position and the child's number in
 * one cookie of 63 bits. Linux's seekdir takes no negative offset, so the 64th bit stays free.
 */
import { endianness } from 'node:os';

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

/** How many of the lowest bits of a layer's cookies are no position, if `below` are none in those of its children. */
export const cookieBits = (children: number, below: number): number => Number(bitsFor(children)) + below;

/** A position in the listing of one child. */
export interface ChildPosition {
  readonly child: number;
  readonly position: bigint;
}

/**
 * Returns the cookie for the position (63 bits) of a child; children are counted from 0. Small positions are kept
 * exactly. Of positions that leave no room for the number the lowest bits are lost, so that {@link unfoldCookie} returns
 * an earlier one: some entries may be listed twice, but none is missed. The lowest `kept` bits are not lost: they are
 * numbers of the child's own children.
 */
export function foldCookie(position: bigint, child: number, children: number, kept = 0): bigint {
  if (children === 1) return position;
  const bits = 32 - Math.clz32(children - 1);
  if (bits + kept > HALF_BITS_MAX) return foldWide(position, child, children, kept);
  // In two halves, since each operation on bigints takes as long as all of this.
  whole[0] = position;
  const low = halves[LOW]!;
  const high = halves[HIGH]!;
  if (high < 1 << (HALF_BITS_MAX - bits)) {
    halves[LOW] = (low << bits) | child;
    halves[HIGH] = (high << bits) | (low >>> (32 - bits));
  } else {
    const mask = (1 << (bits + kept)) - 1;
    halves[LOW] = (((low >>> 1) | (high << 31)) & ~mask) | (child << kept) | (low & ((1 << kept) - 1));
    halves[HIGH] = (high >>> 1) | (1 << HALF_BITS_MAX);
  }
  return whole[0];
}

/** How many bits of the upper half are below that of {@link LARGE}. */
const HALF_BITS_MAX = 30;
const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);
const LOW = endianness() === 'LE' ? 0 : 1;
const HIGH = 1 - LOW;

function foldWide(position: bigint, child: number, children: number, kept: number): bigint {
  const bits = bitsFor(children);
  if (position < LARGE >> bits) return (position << bits) | BigInt(child);
  const below = BigInt(kept);
  const high = (position >> (below + bits + 1n)) << bits;
  return LARGE | ((high | BigInt(child)) << below) | (position & ((1n << below) - 1n));
}

/** Returns whose cookie it is and where that child's listing continues; `undefined` if it is no such cookie. */
export function unfoldCookie(cookie: bigint, children: number, kept = 0): ChildPosition | undefined {
  if (children === 1) return { child: 0, position: cookie };
  const bits = bitsFor(children);
  const isLarge = (cookie & LARGE) !== 0n;
  const below = isLarge ? BigInt(kept) : 0n;
  const child = Number((cookie >> below) & ((1n << bits) - 1n));
  if (child >= children) return undefined;
  const high = (cookie & (LARGE - 1n)) >> (below + bits);
  return { child, position: isLarge ? (high << (below + bits + 1n)) | (cookie & ((1n << below) - 1n)) : high };
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
