/** An element of a {@link Linked} list, which sets these two. An element is in one list at most. */
export interface Neighbours<T> {
  newer: T | undefined;
  older: T | undefined;
}

/**
 * A doubly linked list in the order in which its elements were added. The links are in the elements, so that adding and
 * removing one allocates nothing.
 */
export class Linked<T extends Neighbours<T>> {
  #newest: T | undefined;
  #oldest: T | undefined;

  get newest(): T | undefined {
    return this.#newest;
  }

  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Whether an element that may be in this list, and in no other, is in it. */
  has(element: T): boolean {
    return element.newer !== undefined || element === this.#newest;
  }

  /** Adds an element as the newest. */
  add(element: T): void {
    element.older = this.#newest;
    if (this.#newest) this.#newest.newer = element;
    else this.#oldest = element;
    this.#newest = element;
  }

  /** Removes an element, which must be in the list. */
  remove(element: T): void {
    const { newer, older } = element;
    if (newer) newer.older = older;
    else this.#newest = older;
    if (older) older.newer = newer;
    else this.#oldest = newer;
    // Without this, removed elements form a chain that only a full garbage collection finds.
    element.newer = element.older = undefined;
  }
}
