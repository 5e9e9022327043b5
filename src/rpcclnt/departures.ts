/** When the calls of a connection are sent. Each write costs more than the calls in it, and wakes the other side. */
import type { Outgoing } from '../rpc/outgoing.ts';

/** The longest time that a call stays here whose answer nothing waits for. */
const UNHURRIED_MS = 5;

export class Departures {
  readonly #out: Outgoing;
  #isSoon = false;
  #isLater = false;

  constructor(out: Outgoing) {
    this.#out = out;
  }

  /** Sends what was gathered when this turn of the event loop is over. */
  soon(): void {
    if (this.#isSoon) return;
    this.#isSoon = true;
    setImmediate(this.#sendNow);
  }

  /** Sends what was gathered with what {@link soon} sends next, and after a moment if nothing else is to be sent. */
  later(): void {
    if (this.#isLater) return;
    this.#isLater = true;
    setTimeout(this.#sendLate, UNHURRIED_MS).unref();
  }

  readonly #sendNow = (): void => {
    this.#isSoon = false;
    this.#out.flush();
  };

  readonly #sendLate = (): void => {
    this.#isLater = false;
    this.#out.flush();
  };
}
