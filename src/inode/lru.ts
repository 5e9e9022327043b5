import type { Entry } from './entry.ts';

/** A doubly linked list of entries, in the order in which they were added. */
export class Lru {
  #newest: Entry | undefined;
  #oldest: Entry | undefined;

  get oldest(): Entry | undefined {
    return this.#oldest;
  }

  /** Adds an entry as the newest. */
  add(entry: Entry): void {
    entry.listed = true;
    entry.older = this.#newest;
    if (this.#newest) this.#newest.newer = entry;
    else this.#oldest = entry;
    this.#newest = entry;
  }

  remove(entry: Entry): void {
    const { newer, older } = entry;
    if (newer) newer.older = older;
    else this.#newest = older;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    entry.newer = undefined;
    entry.older = undefined;
    entry.listed = false;
  }
}
