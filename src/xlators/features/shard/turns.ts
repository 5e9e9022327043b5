/** Lets many use something at the same time, or one alone, in the order in which they came. */
export class Turns {
  /** Settles when all that came before the last one to be alone have ended, and that one, too. */
  #alone: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  readonly #together = new Set<Promise<unknown>>();

  /** Runs `work` beside others, but not beside work that is alone. */
  together<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#isBusy ? this.#alone.then(work) : work();
    const ended = run.catch(() => {});
    this.#together.add(ended);
    void ended.then(() => this.#together.delete(ended));
    return run;
  }

  /** Runs `work` when nothing else does. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    this.#isBusy = true;
    const run = Promise.all([this.#alone, ...this.#together]).then(work);
    const ended = run.catch(() => {});
    this.#alone = ended;
    void ended.then(() => {
      if (this.#alone === ended) this.#isBusy = false;
    });
    return run;
  }
}

/** Calls `work` with each number from `from` up to `to`, at most `width` at the same time. Fails as the first failure does. */
export async function eachOf(
  from: number,
  to: number,
  width: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  let next = from;
  const line = async () => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.max(0, Math.min(width, to - from)) }, line));
}
