/**
 * Which write verifier belongs to which server. Each server has one, and no two servers have the same (RFC 1813,
 * 3.3.7).
 */
import { holds } from '../../soak/model/answer.ts';

export class Verifiers {
  /** For each verifier, in hex, the first server that it was seen of, and the last. */
  readonly #seen = new Map<string, { readonly first: number; last: number }>();
  readonly #certain = new Map<number, string>();

  /**
   * Notes that `verf` answered a call that was sent first to server `sentTo`, and at the latest to server `answeredBy`.
   */
  saw(verf: Buffer, sentTo: number, answeredBy: number): void {
    const key = verf.toString('hex');
    const known = this.#seen.get(key);
    if (known === undefined) this.#seen.set(key, { first: sentTo, last: answeredBy });
    else {
      holds(sentTo <= known.last, `the write verifier ${key} of an earlier server is used by another`);
      known.last = Math.min(known.last, answeredBy);
    }
    if (sentTo !== answeredBy) return;
    const own = this.#certain.get(sentTo);
    holds(own === undefined || own === key, 'the write verifier changed although the server did not restart');
    this.#certain.set(sentTo, key);
  }

  /** How many different verifiers there were. */
  get count(): number {
    return this.#seen.size;
  }
}
