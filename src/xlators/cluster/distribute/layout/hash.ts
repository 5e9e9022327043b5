/**
 * The hash that decides which subvolume a name belongs to: the Davies-Meyer construction over the cipher TEA, with
 * GlusterFS's constants. All clients and rebalance must agree on it to the bit.
 */

const DELTA = 0x9e37_79b9;
const BLOCK = 16;
const BLOCK_ROUNDS = 6;
const LAST_ROUNDS = 10;

/** One application of the cipher to both halves of the state. */
function mix(state: Int32Array, rounds: number, a: number, b: number, c: number, d: number): void {
  let left = state[0]!;
  let right = state[1]!;
  let sum = 0;
  for (let i = 0; i < rounds; i++) {
    sum = (sum + DELTA) | 0;
    left = (left + (((right << 4) + a) ^ (right + sum) ^ ((right >>> 5) + b))) | 0;
    right = (right + (((left << 4) + c) ^ (left + sum) ^ ((left >>> 5) + d))) | 0;
  }
  state[0] = state[0]! + left;
  state[1] = state[1]! + right;
}

const wordAt = (name: string, at: number): number =>
  name.charCodeAt(at) |
  (name.charCodeAt(at + 1) << 8) |
  (name.charCodeAt(at + 2) << 16) |
  (name.charCodeAt(at + 3) << 24);

/**
 * The word at `at`, in which bytes past the end are replaced by the padding. The bytes of an incomplete word are signed,
 * as `char` is on x86: one of 0x80 or above overwrites all bits above it.
 */
function paddedWordAt(name: string, at: number, padding: number): number {
  if (at + 4 <= name.length) return wordAt(name, at);
  let word = padding;
  for (let i = at; i < name.length; i++) word = (word << 8) | ((name.charCodeAt(i) << 24) >> 24);
  return word;
}

const state = new Int32Array(2);

/** The hash of a name whose characters are its bytes: 32 bits, unsigned. */
export function hashOf(name: string): number {
  const { length } = name;
  state[0] = 0x9464_a485 | 0;
  state[1] = 0x542e_1a94;
  let at = 0;
  for (; at + BLOCK <= length; at += BLOCK) {
    mix(state, BLOCK_ROUNDS, wordAt(name, at), wordAt(name, at + 4), wordAt(name, at + 8), wordAt(name, at + 12));
  }
  const twice = length | (length << 8);
  const padding = twice | (twice << 16);
  const rest = (index: number) => paddedWordAt(name, at + 4 * index, padding);
  mix(state, LAST_ROUNDS, rest(0), rest(1), rest(2), rest(3));
  return (state[0]! ^ state[1]!) >>> 0;
}
