import { within } from '../../within.ts';

/** No Error: that would keep whatever was called when it was made, such as the next graph, as long as this one. */
const ENDING = 'the graph is to be left';

/** Counts the calls inside, so that what they use is not taken down while they run. */
export class Gate {
  #inside = 0;
  #closed = false;
  #empty: PromiseWithResolvers<void> | undefined;
  readonly #ending = new AbortController();

  /** Aborted when calls inside that wait for something should end: the gate is closed, or will be soon. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Tells calls inside that wait for something to end. */
  hurry(): void {
    this.#ending.abort(ENDING);
  }

  /** The number of calls inside. */
  get inside(): number {
    return this.#inside;
  }

  /** Lets a call in; {@link leave} must follow. Returns false if the gate is closed: the call must then be refused. */
  enter(): boolean {
    if (this.#closed) return false;
    this.#inside++;
    return true;
  }

  leave(): void {
    if (this.#inside === 0) throw new Error('a call leaves that had not entered');
    if (--this.#inside === 0) this.#empty?.resolve();
  }

  /**
   * Closes the gate and waits until all calls have left, at most `graceMs`. Resolves to the number of calls still
   * inside.
   */
  async close(graceMs: number): Promise<number> {
    this.#closed = true;
    this.hurry();
    if (this.#inside === 0) return 0;
    this.#empty ??= Promise.withResolvers();
    await within(graceMs, this.#empty.promise);
    return this.#inside;
  }
}
