/**
 * In which directories names are looked up that are missing: an archive is unpacked there, or a program looks for another
 * one along its path. The answer of a GlusterFS brick that has no such name lacks the attributes of the directory. They
 * are asked for together with the name where it is expected to be missing, so that the caller waits for one answer less.
 */
import type { Inode } from '../../../graph/inode.ts';

/** After so many names that were missing, one after the other, the next one is expected to be so too. */
const EXPECTED_AFTER = 2;

export class Misses {
  readonly #slot: number;

  /** The slot of a directory holds how many names were missing since one was found. */
  constructor(slot: number) {
    this.#slot = slot;
  }

  expects(directory: Inode): boolean {
    return this.#of(directory) >= EXPECTED_AFTER;
  }

  missed(directory: Inode): void {
    const misses = this.#of(directory);
    if (misses < EXPECTED_AFTER) directory.slots[this.#slot] = misses + 1;
  }

  found(directory: Inode): void {
    if (this.#of(directory) > 0) directory.slots[this.#slot] = 0;
  }

  #of(directory: Inode): number {
    const misses = directory.slots[this.#slot];
    return typeof misses === 'number' ? misses : 0;
  }
}
