import { createHash, randomBytes } from 'node:crypto';
import { bytesOfText } from '../wire-text.ts';

/**
 * How many volumes have a verifier of their own, counting those of all volfiles that the server has loaded. Further
 * ones share the verifiers of others, so that their clients may send data again without need.
 */
const VOLUMES_MAX = 4096;
const VERIFIER_BYTES = 8;
const FREE = 0;

/** The write verifier of a volume (RFC 1813, 3.3.7). */
export interface WriteVerifier {
  /** The present value: a view of 8 bytes, which change when the verifier does. */
  readonly bytes: Buffer;
  /** Makes the clients of the volume send again what they have not seen committed. */
  change(): void;
}

/**
 * The write verifiers of all volumes. They are the same in all stages, since a client may write through one and commit
 * through another, so they are in memory that the stages share. They are random in every start. A verifier is changed
 * whenever unstable data of its volume may have been lost.
 */
export class WriteVerifiers {
  /** The names of volumes as numbers, and behind them the verifiers. */
  readonly shared: SharedArrayBuffer;
  readonly #names: Int32Array;
  readonly #words: BigUint64Array;

  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(VOLUMES_MAX * (Int32Array.BYTES_PER_ELEMENT + VERIFIER_BYTES));
    this.#names = new Int32Array(this.shared, 0, VOLUMES_MAX);
    this.#words = new BigUint64Array(this.shared, this.#names.byteLength, VOLUMES_MAX);
    if (shared !== undefined) return;
    new Uint8Array(this.shared, this.#words.byteOffset).set(randomBytes(this.#words.byteLength));
  }

  /** The verifier of the volume of this name, the same in each stage. */
  of(name: string): WriteVerifier {
    const words = this.#words;
    const place = this.#placeOf(name);
    return {
      bytes: Buffer.from(this.shared, words.byteOffset + place * VERIFIER_BYTES, VERIFIER_BYTES),
      // In one store, so that no stage sees half of it.
      change: () => void Atomics.store(words, place, randomBytes(VERIFIER_BYTES).readBigUInt64LE()),
    };
  }

  /** Finds the volume's place, or takes the first free one; stages may do that at the same time. */
  #placeOf(name: string): number {
    const number = createHash('sha256').update(bytesOfText(name)).digest().readInt32BE() || 1;
    const first = (number >>> 0) % VOLUMES_MAX;
    for (let i = 0; i < VOLUMES_MAX; i++) {
      const place = (first + i) % VOLUMES_MAX;
      const before = Atomics.compareExchange(this.#names, place, FREE, number);
      if (before === FREE || before === number) return place;
    }
    return first;
  }
}
