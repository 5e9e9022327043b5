/** Limits how many operations may be inside at a time. The others wait, and enter in the order of their arrival. */
export class Semaphore {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether a further operation would have to wait. */
  get full(): boolean {
    return this.#inside >= this.#max || this.#waiting.length > 0;
  }

  /** Returns `undefined` if there was room, or a promise to wait for. {@link leave} must be called afterwards. */
  enter(): Promise<void> | undefined {
    if (!this.full) {
      this.#inside += 1;
      return undefined;
    }
    return new Promise(resolve => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    // The next operation takes over the place, so the number of those inside stays.
    if (next) next();
    else this.#inside -= 1;
  }
}
