/**
 * A bounded amount of memory that many share. A holder may have a part of what is left for the others: so a single one
 * gets a fifth of the whole, and however many there are, it takes a great many until nothing is left for a newcomer.
 */
export class Budget {
  /** Bytes. */
  readonly max: number;
  /** What each holder may have in any case, as long as it is there. */
  readonly each: number;
  /** Bytes that all holders have together. */
  used = 0;
  readonly #waiting = new Set<Waiting>();
  /** What was in use when the last one had to wait, or was told. */
  #mark = 0;

  constructor(max: number, each: number) {
    this.max = max;
    this.each = each;
  }

  get free(): number {
    return this.max - this.used;
  }

  /** Whether anyone waits for others to give something back. */
  get awaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** `waiting` is told once, when others have given enough back that it is worth another look. */
  wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    if (this.used > this.#mark) this.#mark = this.used;
  }

  forget(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  take(bytes: number): void {
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
    if (this.#waiting.size > 0 && this.used <= this.#mark - WORTH_A_LOOK_BYTES) this.wake();
  }

  /** Tells all that wait. The one that finds no room waits again, so none is passed over for good. */
  wake(): void {
    if (this.#waiting.size === 0) return;
    this.#mark = this.used;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const one of waiting) one.resumeSoon();
  }
}

/** Smaller amounts that come back wake no one: many may wait, and each look costs. A timer looks after the rest. */
const WORTH_A_LOOK_BYTES = 256 * 1024;

/** How much of what is left for others a holder may have. */
const PART_OF_LEFT = 1 / 4;

export interface Waiting {
  /** There may be room again: look, but not from within this call. */
  resumeSoon(): void;
}

/** What one holder has of a {@link Budget}. */
export class Share {
  readonly budget: Budget;
  bytes = 0;

  constructor(budget: Budget) {
    this.budget = budget;
  }

  /** Whether there is room for `more` bytes. */
  fits(more: number): boolean {
    const { max, used, each } = this.budget;
    const left = max - used - more;
    return left >= 0 && (this.bytes + more <= each || this.bytes + more <= left * PART_OF_LEFT);
  }

  /** Counts `bytes`, whether they fit or not. */
  take(bytes: number): void {
    this.bytes += bytes;
    this.budget.take(bytes);
  }

  give(bytes: number): void {
    this.bytes -= bytes;
    this.budget.give(bytes);
  }
}
