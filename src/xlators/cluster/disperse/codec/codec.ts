/** Makes the fragments of a file that the bricks keep, and makes the file of any `k` of them again. */
import { encodingRow, invert } from './gf8.ts';
import { type Memory, WebAssembly } from './webassembly.ts';
import { CHUNK, compile, type XorProgram } from './xor-program.ts';

/** How much data is in the memory of the programs at a time: no more than stays in the processor's cache. */
const BLOCK = 128 * 1024;
/** A fragment of a block is at most half of it (k is 2 or more), and there are at most 31 of them. */
const PAGE = 64 * 1024;
/** How many programs that decode are kept: each combination of bricks has one. */
const DECODERS_MAX = 64;

export class Codec {
  /** How many fragments there are, and how many make the data. */
  readonly n: number;
  readonly k: number;
  /** Bytes of data that share a chunk of each fragment. */
  readonly stripe: number;
  readonly #memory: Memory;
  readonly #bytes: Buffer;
  /** Stripes in a block. */
  readonly #stripes: number;
  readonly #encode: XorProgram;
  readonly #decoders = new Map<string, XorProgram>();
  /** Where the data of a block and its fragments are in the memory. */
  readonly #data = 0;
  readonly #fragments: readonly number[];

  constructor(n: number, k: number) {
    this.n = n;
    this.k = k;
    this.stripe = k * CHUNK;
    this.#stripes = Math.floor(BLOCK / this.stripe);
    const fragment = this.#stripes * CHUNK;
    // Fragments are a cache line further apart than they are long, so that they do not compete for the same lines.
    this.#fragments = Array.from({ length: n }, (_, i) => BLOCK + i * (fragment + 64));
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((BLOCK + n * (fragment + 64)) / PAGE) });
    this.#bytes = Buffer.from(this.#memory.buffer);
    const rows = this.#fragments.map((_, brick) => encodingRow(brick, k));
    this.#encode = compile(rows, this.#memory);
  }

  /** Returns the fragments of whole stripes, in the order of the bricks. */
  encode(data: Buffer): Buffer[] {
    const stripes = data.length / this.stripe;
    const fragments = this.#fragments.map(() => Buffer.allocUnsafe(stripes * CHUNK));
    for (let done = 0; done < stripes; done += this.#stripes) {
      const count = Math.min(this.#stripes, stripes - done);
      data.copy(this.#bytes, this.#data, done * this.stripe, (done + count) * this.stripe);
      this.#encode(...this.#chunks(), ...this.#fragments, this.stripe, CHUNK, count);
      for (const [i, fragment] of fragments.entries()) {
        this.#bytes.copy(fragment, done * CHUNK, this.#fragments[i]!, this.#fragments[i]! + count * CHUNK);
      }
    }
    return fragments;
  }

  /**
   * Returns the data of `k` fragments of the same length, in whole chunks; `bricks` tells whose fragments they are.
   */
  decode(bricks: readonly number[], fragments: readonly Buffer[]): Buffer {
    const decoder = this.#decoder(bricks);
    const stripes = fragments[0]!.length / CHUNK;
    const data = Buffer.allocUnsafe(stripes * this.stripe);
    const positions = this.#fragments.slice(0, this.k);
    for (let done = 0; done < stripes; done += this.#stripes) {
      const count = Math.min(this.#stripes, stripes - done);
      for (const [i, fragment] of fragments.entries()) {
        fragment.copy(this.#bytes, positions[i]!, done * CHUNK, (done + count) * CHUNK);
      }
      decoder(...positions, ...this.#chunks(), CHUNK, this.stripe, count);
      this.#bytes.copy(data, done * this.stripe, this.#data, this.#data + count * this.stripe);
    }
    return data;
  }

  /** Where the chunks of the first stripe are. */
  #chunks(): number[] {
    return Array.from({ length: this.k }, (_, j) => this.#data + j * CHUNK);
  }

  #decoder(bricks: readonly number[]): XorProgram {
    const key = bricks.join();
    const known = this.#decoders.get(key);
    if (known !== undefined) return known;
    if (this.#decoders.size >= DECODERS_MAX) this.#decoders.delete(this.#decoders.keys().next().value!);
    const program = compile(invert(bricks.map(brick => encodingRow(brick, this.k))), this.#memory);
    this.#decoders.set(key, program);
    return program;
  }
}
