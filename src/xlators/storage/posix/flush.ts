import { fdatasync, fsync } from 'node:fs';

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
 * Makes one inode durable, for any number of callers: who asks while a flush is under way shares the next one, as the
 * one under way does not cover what was written since it began.
 */
export class Flush {
  readonly #open: () => FlushTarget;
  #running: Promise<void> | undefined;
  #next: Round | undefined;

  /** `open` gives a descriptor for one flush, and is told when that has ended, and how. */
  constructor(open: () => FlushTarget) {
    this.#open = open;
  }

  get idle(): boolean {
    return this.#running === undefined;
  }

  /** Rejects with the flush's error. */
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
    let target: FlushTarget;
    try {
      target = this.#open();
    } catch (error) {
      return Promise.reject(error);
    }
    const { fd, finish } = target;
    const running = new Promise<void>((resolve, reject) => {
      const ended = (error: Error | null) => {
        this.#running = undefined;
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
