/** What is to be written to the counters of an inode before its lock is given up. */
import type { Change, Outcome, Pair } from './events.ts';
import { isZero, larger, minus, NONE, pairOf } from './pairs.ts';

/** What is added to an inode's size and counters. */
export interface Additions {
  readonly size: number;
  readonly dirty: Pair;
  readonly version: Pair;
}

export class Ledger {
  #size: number | undefined;
  /** What is to be added to the size on the bricks, and what they have been told to add but have not yet. */
  #sizeDelta = 0;
  #sizeSent = 0;
  /** The marks that were set, and how the version rose since a brick took no part. */
  #dirty: Pair = NONE;
  #risen: Pair = NONE;
  #changed: Change = 'nothing';
  #missed = false;
  /** Whether the inode has a version for sure, and whether it is being given one. */
  readonly #isVersioned: boolean;
  #versioning = false;

  constructor(isVersioned: boolean) {
    this.#isVersioned = isVersioned;
  }

  /** The size of the file, if it is known. */
  get size(): number | undefined {
    return this.#size;
  }

  /** Whether a brick has missed something, and the others' versions do not tell yet. */
  get missed(): boolean {
    return this.#missed;
  }

  /** Whether the bricks do not have the size. */
  get owesSize(): boolean {
    return this.#sizeDelta !== 0 || this.#sizeSent !== 0;
  }

  /** Enough bricks have what they were told to add. */
  updated(): void {
    this.#sizeSent = 0;
  }

  miss(): void {
    this.#missed = true;
  }

  /** The marks that a change needs and that are not there yet. */
  marksFor(change: Change): Pair {
    return minus(larger(this.#dirty, pairOf(change)), this.#dirty);
  }

  /** How the version must rise before a change that a brick takes no part in. */
  risesFor(change: Change): Pair {
    return minus(larger(this.#risen, pairOf(change)), this.#risen);
  }

  marked(dirty: Pair, risen: Pair): void {
    this.#dirty = larger(this.#dirty, dirty);
    this.#risen = larger(this.#risen, risen);
  }

  found(size: number): void {
    this.#size = size;
  }

  left({ changed, size: set, end = 0 }: Outcome): void {
    if (changed !== 'nothing' && this.#changed !== 'data') this.#changed = changed;
    if (this.#size === undefined) return;
    const size = Math.max(set ?? this.#size, end);
    this.#sizeDelta += size - this.#size;
    this.#size = size;
  }

  /** Takes the size that only this process knows. */
  takeSize(): Additions | undefined {
    if (this.#sizeDelta === 0) return undefined;
    return { size: this.#taken(), dirty: NONE, version: [1, 1] };
  }

  /** Takes what is to be written at the end if all bricks have every change. */
  takeWhole(): Additions | undefined {
    const size = this.#taken();
    this.#versioning = this.#changed === 'data' && !this.#isVersioned;
    // A brick that gets no update of the size must be told from the others by its version.
    const rises = size !== 0 || this.#versioning;
    if (!rises && isZero(this.#dirty)) return undefined;
    return { size, dirty: minus(NONE, this.#dirty), version: rises ? [1, 1] : NONE };
  }

  /** Takes what is to be written at the end if some brick has not. The marks stay, for the self-heal daemon. */
  takePartial(): Additions | undefined {
    const size = this.#taken();
    const dirty = this.marksFor(this.#changed);
    const mustRise = this.#changed !== 'nothing' && (this.#missed || !isZero(this.risesFor(this.#changed)));
    this.#dirty = NONE;
    if (size === 0 && !mustRise && isZero(dirty)) return undefined;
    return { size, dirty, version: size === 0 ? pairOf(this.#changed) : [1, 1] };
  }

  /** Takes the marks that are missing if it is not known which bricks have the changes. */
  takeUnsure(): Additions | undefined {
    const dirty = this.marksFor(this.#changed);
    this.#dirty = NONE;
    return isZero(dirty) ? undefined : { size: 0, dirty, version: NONE };
  }

  /** Takes the marks for an update that a brick has missed: those that it removed, or that it should have made needless. */
  takeMarks(): Additions | undefined {
    const dirty = this.#versioning ? pairOf(this.#changed) : this.#dirty;
    this.#dirty = NONE;
    this.#versioning = false;
    return isZero(dirty) ? undefined : { size: 0, dirty, version: [1, 1] };
  }

  #taken(): number {
    const size = this.#sizeDelta;
    this.#sizeDelta = 0;
    this.#sizeSent += size;
    return size;
  }
}
