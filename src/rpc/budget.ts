/**
 * A bounded amount of memory that several holders share. A holder may take up to a quarter of what it leaves free for
 * the others. A single holder thus gets at most a fifth of the whole, and a great many holders are needed to leave
 * nothing for a newcomer.
 */
export class Budget {
  /** Bytes. */
  readonly max: number;
  /** Bytes that each holder may take regardless of its part, as long as they are free. */
  readonly each: number;
  /** Bytes that all holders have taken together. */
  used = 0;
  readonly #waiting = new Set<Waiting>();
  /** The bytes in use when a holder last had to wait, or when the waiting holders were last woken. */
  #mark = 0;

  constructor(max: number, each: number) {
    this.max = max;
    this.each = each;
  }

  get free(): number {
    return this.max - this.used;
  }

  /** Whether any holder waits for others to give memory back. */
  get awaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** Resumes `waiting` once, when enough memory has been given back that it is worth trying again. */
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

  /** Resumes everything that waits. What still finds no room waits again, so none is passed over for good. */
  wake(): void {
    if (this.#waiting.size === 0) return;
    this.#mark = this.used;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const one of waiting) one.resumeSoon();
  }
}

/**
 * Giving back less than this resumes nothing, since many may wait and each attempt costs time. A timer does the rest.
 */
const WORTH_A_LOOK_BYTES = 256 * 1024;

/** The part of what is left for the others that a holder may have. */
const PART_OF_LEFT = 1 / 4;

export interface Waiting {
  /** Called when there may be room again. It must not try within this call, but soon after it. */
  resumeSoon(): void;
}

/** The memory that one holder has taken from a {@link Budget}. */
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
