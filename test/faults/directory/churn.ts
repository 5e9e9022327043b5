/** Lets names come and go in a directory, on the server's own side. */
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const EVERY_MS = 10;
const AT_ONCE = 10;
/** The greatest number of coming names at a time. */
const THERE_MAX = 2000;

export class Churn {
  readonly #dir: string;
  readonly #leaving: string[];
  readonly #timer: NodeJS.Timeout;
  made = 0;
  removed = 0;

  /** `leaving` are names in `dir` that are removed one after the other. */
  constructor(dir: string, leaving: readonly string[]) {
    this.#dir = dir;
    this.#leaving = leaving.toReversed();
    this.#timer = setInterval(() => this.#step(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #step(): void {
    for (let i = 0; i < AT_ONCE; i++) {
      closeSync(openSync(join(this.#dir, `coming-${this.made++}`), 'wx'));
      if (this.made > THERE_MAX) this.#remove(`coming-${this.made - THERE_MAX - 1}`);
      const leaving = this.#leaving.pop();
      if (leaving !== undefined) this.#remove(leaving);
    }
  }

  #remove(name: string): void {
    rmSync(join(this.#dir, name));
    this.removed++;
  }
}
