import { setTimeout as sleep } from 'node:timers/promises';

/** What calls enter and leave, so that what they use is not taken down under them. */
export class Gate {
  #inside = 0;
  #closed = false;
  #empty: PromiseWithResolvers<void> | undefined;

  /** Calls under way. */
  get inside(): number {
    return this.#inside;
  }

  /** False when closed: the call must go elsewhere or be refused. Otherwise {@link leave} must follow. */
  enter(): boolean {
    if (this.#closed) return false;
    this.#inside++;
    return true;
  }

  leave(): void {
    if (this.#inside === 0) throw new Error('a call leaves that had not entered');
    if (--this.#inside === 0) this.#empty?.resolve();
  }

  /** Lets nobody in any more and waits until all have left, or `graceMs` are over. Answers how many are still inside. */
  async close(graceMs: number): Promise<number> {
    this.#closed = true;
    if (this.#inside === 0) return 0;
    this.#empty ??= Promise.withResolvers();
    const timer = new AbortController();
    const over = sleep(graceMs, undefined, { signal: timer.signal }).catch(() => {});
    await Promise.race([this.#empty.promise, over]);
    timer.abort();
    return this.#inside;
  }
}
