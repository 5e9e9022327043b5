/** How many reloads may follow each other at once. */
const BURST = 20;
/** After that, one may follow each time so many milliseconds have passed. */
const EACH_MS = 5000;

/**
 * Keeps reloads that another machine asks for from following each other without pause: each may bring up a graph with
 * connections of its own to all bricks. Nothing is lost by waiting, since a reload takes what is newest when it begins.
 */
export class Pace {
  /** When as many as possible may follow at once. */
  #fullAt = -Infinity;

  /** How long to wait with the next one, in milliseconds. @param now of `performance.now()` */
  wait(now: number): number {
    const from = Math.max(this.#fullAt, now);
    this.#fullAt = from + EACH_MS;
    return Math.max(0, this.#fullAt - now - BURST * EACH_MS);
  }
}
