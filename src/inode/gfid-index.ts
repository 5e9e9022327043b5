import { randomBytes } from 'node:crypto';
import type { Entry, Words } from './entry.ts';

const BUCKETS_MIN = 1024;

/** Reads a 32-bit word byte by byte, since a DataView would be one more object to touch. */
const word = (bytes: Buffer, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

/**
 * An array of empty buckets. Array.from takes 20 times as long, which shows when a table of a million entries grows.
 */
const empty = (length: number): (Entry | undefined)[] =>
  // oxlint-disable-next-line unicorn/no-new-array
  new Array<Entry | undefined>(length).fill(undefined);

/**
 * Finds inodes by gfid: a hash table over the gfid's four words, with chains, which allocates nothing to find one. A
 * Map keyed by 16-byte strings costs four times as much and one string per look-up.
 */
export class GfidIndex {
  /** A random seed of the hash, so that a peer that can choose gfids cannot choose colliding ones. */
  readonly #seed = randomBytes(4).readInt32BE();
  #buckets = empty(BUCKETS_MIN);
  #mask = BUCKETS_MIN - 1;
  #size = 0;
  /** The words of the gfid that was last looked for. Reused, so that {@link find} allocates nothing. */
  readonly words: Words = { w0: 0, w1: 0, w2: 0, w3: 0, hash: 0 };

  get size(): number {
    return this.#size;
  }

  /**
   * Finds the entry of the gfid at offset `at`. Whether or not it is found, {@link words} holds the gfid's words
   * afterwards.
   */
  find(bytes: Buffer, at: number): Entry | undefined {
    const w0 = word(bytes, at);
    const w1 = word(bytes, at + 4);
    const w2 = word(bytes, at + 8);
    const w3 = word(bytes, at + 12);
    let hash = Math.imul(w0 ^ this.#seed, 0x9e3779b1) ^ w1;
    hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca77) ^ w2;
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae3d) ^ w3;
    hash = Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f);
    hash ^= hash >>> 15;
    const { words } = this;
    words.w0 = w0;
    words.w1 = w1;
    words.w2 = w2;
    words.w3 = w3;
    words.hash = hash;
    let entry = this.#buckets[hash & this.#mask];
    while (entry && (entry.w3 !== w3 || entry.w2 !== w2 || entry.w1 !== w1 || entry.w0 !== w0)) entry = entry.chain;
    return entry;
  }

  /** All entries, in no order; none may be added or removed meanwhile. */
  *[Symbol.iterator](): Iterator<Entry> {
    for (let entry of this.#buckets) {
      for (; entry; entry = entry.chain) yield entry;
    }
  }

  add(entry: Entry): void {
    if (this.#size++ >= this.#buckets.length) this.#grow();
    const at = entry.hash & this.#mask;
    entry.chain = this.#buckets[at];
    this.#buckets[at] = entry;
  }

  remove(entry: Entry): void {
    const at = entry.hash & this.#mask;
    let before: Entry | undefined;
    for (let other = this.#buckets[at]; other !== entry; other = other.chain) {
      if (!other) return;
      before = other;
    }
    if (before) before.chain = entry.chain;
    else this.#buckets[at] = entry.chain;
    entry.chain = undefined;
    this.#size--;
  }

  #grow(): void {
    const old = this.#buckets;
    this.#buckets = empty(old.length * 2);
    this.#mask = this.#buckets.length - 1;
    for (let entry of old) {
      while (entry) {
        const { chain } = entry;
        const at = entry.hash & this.#mask;
        entry.chain = this.#buckets[at];
        this.#buckets[at] = entry;
        entry = chain;
      }
    }
  }
}
