import { randomFillSync } from 'node:crypto';

/**
 * The write verifier (RFC 1813, 3.3.7): the same for all stages, since a client may write through one and commit
 * through another; random in every start; changed whenever unstable data may have been lost. It lives in memory that
 * the stages share.
 */
export class WriteVerifier {
  readonly shared: SharedArrayBuffer;
  readonly #bytes: Buffer;

  constructor(shared?: SharedArrayBuffer) {
    this.shared = shared ?? new SharedArrayBuffer(8);
    this.#bytes = Buffer.from(this.shared);
    if (shared === undefined) this.change();
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** From now on every client sends again what it has not seen committed. */
  change(): void {
    // In one store, so that no stage sees half of it.
    const word = new BigUint64Array(1);
    randomFillSync(word);
    Atomics.store(new BigUint64Array(this.shared), 0, word[0]!);
  }
}
