/** Lets at most so many in at a time; the others wait, first come, first served. */
export class Semaphore {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether the next one would have to wait. */
  get full(): boolean {
    return this.#inside >= this.#max || this.#waiting.length > 0;
  }

  /** `undefined` if that was possible at once. Whoever is in must {@link leave}. */
  enter(): Promise<void> | undefined {
    if (!this.full) {
      this.#inside += 1;
      return undefined;
    }
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#inside -= 1;
  }
}
