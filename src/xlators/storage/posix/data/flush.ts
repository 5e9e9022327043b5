/** Flushes that several callers share. */
import { fdatasync, fsync } from 'node:fs';
import type { PoolShare } from './pool-share.ts';

const NOTHING = () => {};

interface Round {
  dataOnly: boolean;
  readonly done: Promise<void>;
}

export interface FlushTarget {
  readonly fd: number;
  readonly finish: (error: Error | null) => void;
}

/**
 * Makes one inode durable for any number of callers. A caller that asks while a flush is under way shares the next one,
 * since the current one does not cover what was written after it began.
 */
export class Flush {
  readonly #pool: PoolShare | undefined;
  readonly #open: () => FlushTarget;
  #running: Promise<void> | undefined;
  #next: Round | undefined;

  /**
   * `open` provides a descriptor for one flush, and is told the result when that has ended. Each flush is a call in
   * `pool`.
   */
  constructor(pool: PoolShare | undefined, open: () => FlushTarget) {
    this.#pool = pool;
    this.#open = open;
  }

  get idle(): boolean {
    return this.#running === undefined;
  }

  /** Rejects with the error of the flush, or with that of the pool if the flush was not begun. */
  sync(dataOnly: boolean): Promise<void> {
    if (this.#next) {
      this.#next.dataOnly &&= dataOnly;
      return this.#next.done;
    }
    if (this.#running === undefined) return this.#start(dataOnly);
    const after = this.#running;
    const round: Round = {
      dataOnly,
      done: after.then(NOTHING, NOTHING).then(() => {
        this.#next = undefined;
        return this.#start(round.dataOnly);
      }),
    };
    this.#next = round;
    return round.done;
  }

  #start(dataOnly: boolean): Promise<void> {
    const wait = this.#pool?.enter();
    if (wait === undefined) return this.#flush(dataOnly);
    this.#running = wait.then(
      () => this.#flush(dataOnly),
      (error: unknown) => {
        this.#running = undefined;
        throw error;
      },
    );
    return this.#running;
  }

  #flush(dataOnly: boolean): Promise<void> {
    let target: FlushTarget;
    try {
      target = this.#open();
    } catch (error) {
      this.#running = undefined;
      this.#pool?.leave();
      return Promise.reject(error);
    }
    const { fd, finish } = target;
    const running = new Promise<void>((resolve, reject) => {
      const ended = (error: Error | null) => {
        this.#running = undefined;
        this.#pool?.leave();
        finish(error);
        if (error) reject(error);
        else resolve();
      };
      if (dataOnly) fdatasync(fd, ended);
      else fsync(fd, ended);
    });
    this.#running = running;
    return running;
  }
}
