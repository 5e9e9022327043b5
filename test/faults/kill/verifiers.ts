/** Which write verifier belongs to which server: one for each, and none of them twice (RFC 1813, 3.3.7). */
import { holds } from '../../soak/model/answer.ts';

export class Verifiers {
  /** By verifier, in hex: the server that it was first seen of, and the last one. */
  readonly #seen = new Map<string, { readonly first: number; last: number }>();
  readonly #certain = new Map<number, string>();

  /** `verf` came in answer to a call that was sent to server `sentTo` and, if those after it came to be, up to `answeredBy`. */
  saw(verf: Buffer, sentTo: number, answeredBy: number): void {
    const key = verf.toString('hex');
    const known = this.#seen.get(key);
    if (known === undefined) this.#seen.set(key, { first: sentTo, last: answeredBy });
    else {
      holds(sentTo <= known.last, `the write verifier ${key} of an earlier server is another one's`);
      known.last = Math.min(known.last, answeredBy);
    }
    if (sentTo !== answeredBy) return;
    const own = this.#certain.get(sentTo);
    holds(own === undefined || own === key, 'the write verifier has changed, and the server was not started anew');
    this.#certain.set(sentTo, key);
  }

  /** How many different ones there were. */
  get count(): number {
    return this.#seen.size;
  }
}
