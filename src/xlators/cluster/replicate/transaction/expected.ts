/** How many are remembered of those that may still be followed. */
const OPEN_MAX = 32;
/** So often in a row the second must have followed the first before it is expected. */
const TIMES = 3;

/**
 * Learns whether one change of an object is followed by another one, as when an archive is unpacked: a new file is written
 * to, and then its attributes are set. What the second change needs can then be asked for before it comes.
 */
export class Expected {
  /** The objects whose first change has not been followed. */
  readonly #open = new Set<string>();
  #times = 0;

  /** Notes the first change of an object. Returns whether the second one is expected. */
  first(key: string): boolean {
    if (this.#open.has(key)) return false;
    if (this.#open.size === OPEN_MAX) {
      const [oldest] = this.#open;
      this.#open.delete(oldest!);
      this.#times = 0;
    }
    this.#open.add(key);
    return this.#times >= TIMES;
  }

  /** Notes the second change of an object. */
  second(key: string): void {
    if (this.#open.delete(key) && this.#times < TIMES) this.#times++;
  }
}
