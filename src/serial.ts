/** Runs tasks one after the other, in the order in which they are handed in. A task that fails does not stop the next. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `task` when all earlier tasks have ended. Resolves or rejects as the task does. */
  run<T>(task: () => T | PromiseLike<T>): Promise<T> {
    const done = this.#last.then(() => task());
    this.#last = done.catch(() => {});
    return done;
  }
}
