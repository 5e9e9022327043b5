/**
 * A brick's share of the thread pool, which all bricks and the server itself use. Calls into a disk that hangs occupy
 * at most that many threads. Further calls wait here, each for a limited time, and are then answered EJUKEBOX.
 */
import { fsError } from '../../../../sys/failure.ts';

const WAIT_MS = 10_000;
const WAITING_MAX = 1024;
const CHECK_MS = 1000;

interface Waiting {
  /**
   * Until when the call waits, on the clock of `performance.now()`; `Infinity` if it waits for however long it takes.
   */
  readonly until: number;
  go(): void;
  refuse(error: Error): void;
}

export class PoolShare {
  readonly #max: number;
  readonly #waitMs: number;
  readonly #waiting = new Set<Waiting>();
  #inside = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Lets at most `max` calls into the pool; each further call waits for at most `waitMs`. */
  constructor(max: number, waitMs = WAIT_MS) {
    this.#max = max;
    this.#waitMs = waitMs;
  }

  /**
   * Returns `undefined` if the call may be made at once, or a promise to wait for. {@link leave} must be called when
   * the call has ended. The promise rejects with EJUKEBOX, except with `patient`, which is for calls that must be made
   * in the end and whose number is limited elsewhere.
   */
  enter(patient = false): Promise<void> | undefined {
    if (this.#inside < this.#max) {
      this.#inside += 1;
      return undefined;
    }
    if (!patient && this.#waiting.size >= WAITING_MAX) {
      return Promise.reject(fsError('EJUKEBOX', `${WAITING_MAX} calls wait for the disk`));
    }
    this.#timer ??= setInterval(() => this.#check(performance.now()), Math.min(CHECK_MS, this.#waitMs)).unref();
    return new Promise((go, refuse) => {
      this.#waiting.add({ until: patient ? Infinity : performance.now() + this.#waitMs, go, refuse });
    });
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inside -= 1;
      return;
    }
    this.#remove(next);
    next.go();
  }

  /** Makes a call in the pool. Rejects as {@link enter} does, or as the call does. */
  async run<T>(call: () => Promise<T>, patient = false): Promise<T> {
    const wait = this.enter(patient);
    if (wait !== undefined) await wait;
    try {
      return await call();
    } finally {
      this.leave();
    }
  }

  #check(now: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.until > now) continue;
      this.#remove(waiting);
      waiting.refuse(fsError('EJUKEBOX', 'the disk does not answer'));
    }
  }

  #remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    if (this.#waiting.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
