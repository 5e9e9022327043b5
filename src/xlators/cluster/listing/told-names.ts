/**
 * The names that one child has told of one directory, and where. When the listing can go on from that child no longer, it
 * goes on from another one, whose positions are others, and must leave out what was told before.
 *
 * What is kept of a page replaces what was kept of that part of the listing: a name that was there for the whole of a
 * listing has one place in it, however old the listing is, so the latest page is right for all listings that have come past it.
 */
import { randomBytes } from 'node:crypto';
import type { Dirent } from '../../../graph/fops.ts';

/** The names of one page, or of what is left of it. */
interface Part {
  /** The listing goes on from there to get these names, and behind them. */
  readonly from: bigint;
  readonly until: bigint;
  /** Two words of a hash for each name. */
  readonly hashes: Uint32Array;
  /** The name was told to all listings that go on from a later position than this. They rise. */
  readonly starts: BigUint64Array;
}

/** What a page takes beside its names, in names of 16 bytes. */
const PART_COST = 32;

const seeds = randomBytes(8);
const [SEED_LOW, SEED_HIGH] = [seeds.readInt32LE(0), seeds.readInt32LE(4)];

/** Sets the two words of the hash of a name. The seeds differ in each process, so that names with the same one cannot be sought. */
function putHash(name: string, to: Uint32Array, at: number): void {
  let low = SEED_LOW;
  let high = SEED_HIGH;
  for (let i = 0; i < name.length; i++) {
    const char = name.charCodeAt(i);
    low = Math.imul(low ^ char, 0x9e3779b1);
    high = Math.imul(high ^ char ^ (low >>> 15), 0x5f356495);
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  to[at] = low;
  to[at + 1] = high;
}

/** From here on positions are hashes, and cookies lack some of their lowest bits. */
const LARGE = 2n ** 40n;
const LOST = 2n ** 24n - 1n;

/**
 * The latest place where the first name of a page may begin that is listed from `from` up to `cookie`. What stood before it
 * may be gone, so that a listing that goes on from a later position than `from` need not have had the name.
 */
function latestStart(from: bigint, cookie: bigint): bigint {
  const latest = cookie < LARGE ? cookie - 1n : (cookie & ~LOST) - 1n;
  return latest > from ? latest : from;
}

export class ToldNames {
  /** The parts in their order. Each begins where the one before ends, and the first one at the start of the directory. */
  #parts: Part[] = [];
  #names = 0;
  #index: NameIndex | undefined;
  /** The positions of this child do not rise, so that nothing follows from them. */
  #isUnordered = false;

  /** What it takes, in names of 16 bytes. */
  get cost(): number {
    return this.#names + this.#parts.length * PART_COST + (this.#index?.size ?? 0);
  }

  /** Up to where the names are known from the start on. */
  get until(): bigint {
    return this.#parts.at(-1)?.until ?? 0n;
  }

  /** Notes what was listed from a position on. Without `mayGrow` only what is kept already is brought up to date. */
  note(from: bigint, entries: readonly Dirent[], mayGrow = true): void {
    const last = entries.at(-1);
    if (last === undefined || from > this.until || this.#isUnordered) return;
    if (!mayGrow && from === this.until) return;
    const hashes = new Uint32Array(entries.length * 2);
    const starts = new BigUint64Array(entries.length);
    let before = from;
    for (const [i, { name, cookie }] of entries.entries()) {
      if (cookie <= before) return this.#giveUp();
      putHash(name, hashes, i * 2);
      starts[i] = i === 0 && from !== 0n ? latestStart(from, cookie) : before;
      before = cookie;
    }
    this.#put({ from, until: last.cookie, hashes, starts });
  }

  /** Whether who goes on from `position` has been told the name. */
  has(name: string, position: bigint): boolean {
    this.#index ??= new NameIndex(this.#names, this.#parts);
    const start = this.#index.startOf(name);
    return start !== undefined && start < position;
  }

  #giveUp(): void {
    this.#isUnordered = true;
    this.#parts = [];
    this.#names = 0;
    this.#index = undefined;
  }

  #put(part: Part): void {
    const parts = this.#parts;
    let first = parts.length;
    if (part.from < this.until) {
      first = 0;
      for (let end = parts.length; first < end;) {
        const middle = (first + end) >> 1;
        if (parts[middle]!.until > part.from) end = middle;
        else first = middle + 1;
      }
    }
    let after = first;
    while (after < parts.length && parts[after]!.from < part.until) after++;
    const old = parts.slice(first, after);
    if (old.length === 1 && isSame(old[0]!, part)) return;
    keepFirst(old, part);
    const cut = [head(old[0], part.from), part, tail(old.at(-1), part.until)].filter(one => one !== undefined);
    parts.splice(first, old.length, ...cut);
    for (const { starts } of cut) this.#names += starts.length;
    for (const { starts } of old) this.#names -= starts.length;
    this.#index = undefined;
  }
}

const isSame = (a: Part, b: Part): boolean =>
  a.from === b.from &&
  a.until === b.until &&
  a.hashes.length === b.hashes.length &&
  a.hashes.every((word, i) => word === b.hashes[i]);

/**
 * Gives the first name of a page the start that an earlier page had for it. It need not have been the first one behind
 * `from` then, since those before it may be gone.
 */
function keepFirst(old: readonly Part[], { from, starts, hashes }: Part): void {
  for (const part of old) {
    for (let at = firstNotBefore(part, from); at < part.starts.length; at++) {
      if (part.starts[at]! >= starts[0]!) return;
      if (part.hashes[at * 2] !== hashes[0] || part.hashes[at * 2 + 1] !== hashes[1]) continue;
      starts[0] = part.starts[at]!;
      return;
    }
  }
}

/** The number of names of a part that begin before a position. */
function firstNotBefore({ starts }: Part, position: bigint): number {
  let first = 0;
  for (let end = starts.length; first < end;) {
    const middle = (first + end) >> 1;
    if (starts[middle]! >= position) end = middle;
    else first = middle + 1;
  }
  return first;
}

function head(part: Part | undefined, until: bigint): Part | undefined {
  if (part === undefined || part.from >= until) return undefined;
  const count = firstNotBefore(part, until);
  return { from: part.from, until, hashes: part.hashes.slice(0, count * 2), starts: part.starts.slice(0, count) };
}

function tail(part: Part | undefined, from: bigint): Part | undefined {
  if (part === undefined || part.until <= from) return undefined;
  const count = firstNotBefore(part, from);
  return { from, until: part.until, hashes: part.hashes.slice(count * 2), starts: part.starts.slice(count) };
}

/** Finds names by their hashes. It is made when a listing has to go on from another child. */
class NameIndex {
  /** What it takes, in names of 16 bytes. */
  readonly size: number;
  readonly #mask: number;
  readonly #hashes: Uint32Array;
  /** One more than the start of each name; 0 where there is none. */
  readonly #starts: BigUint64Array;
  readonly #asked = new Uint32Array(2);

  constructor(names: number, parts: readonly Part[]) {
    this.size = 2 ** (32 - Math.clz32(names + (names >> 1)));
    this.#mask = this.size - 1;
    this.#hashes = new Uint32Array(this.size * 2);
    this.#starts = new BigUint64Array(this.size);
    for (const { hashes, starts } of parts) {
      for (let i = 0; i < starts.length; i++) {
        const [low, high] = [hashes[i * 2]!, hashes[i * 2 + 1]!];
        const at = this.#find(low, high);
        // What was renamed may be there twice. Its first place counts: listings that are behind that have been there since.
        if (this.#starts[at] !== 0n) continue;
        this.#hashes[at * 2] = low;
        this.#hashes[at * 2 + 1] = high;
        this.#starts[at] = starts[i]! + 1n;
      }
    }
  }

  startOf(name: string): bigint | undefined {
    putHash(name, this.#asked, 0);
    const start = this.#starts[this.#find(this.#asked[0]!, this.#asked[1]!)]!;
    return start === 0n ? undefined : start - 1n;
  }

  /** The place of a hash, or the free one where it belongs. */
  #find(low: number, high: number): number {
    for (let at = low & this.#mask; ; at = (at + 1) & this.#mask) {
      if (this.#starts[at] === 0n) return at;
      if (this.#hashes[at * 2] === low && this.#hashes[at * 2 + 1] === high) return at;
    }
  }
}
