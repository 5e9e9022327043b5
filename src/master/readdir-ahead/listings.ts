import type { Frame } from '../../graph/frame.ts';
import type { Inode } from '../../graph/inode.ts';
import { AGE_MAX_MS, type Listed, Listing, type ListingFop } from './listing.ts';

/** So many listings are read ahead at a time. Each takes up to 1 MiB, since a brick answers 600 entries at most. */
const LISTINGS_MAX = 16;
const LISTINGS_OF_CLIENT_MAX = 4;

/** The listings that were used last, of all volumes. */
export class Listings {
  #all: Listing[] = [];
  #sweep: NodeJS.Timeout | undefined;

  get size(): number {
    return this.#all.length;
  }

  /** The listing of a caller, as one that is used now. */
  find(volume: Listed, frame: Frame, inode: Inode, fop: ListingFop): Listing | undefined {
    const isIt = (one: Listing) =>
      one.inode === inode && one.frame === frame && one.fop === fop && one.volume === volume;
    const found = this.#all.find(isIt);
    if (found !== undefined) found.usedAt = performance.now();
    return found;
  }

  /** Begins a listing, in place of the one that was used least recently if there are too many, or of that client too many. */
  add(volume: Listed, frame: Frame, inode: Inode, fop: ListingFop): Listing {
    const own = this.#all.filter(one => one.frame.client === frame.client);
    if (own.length >= LISTINGS_OF_CLIENT_MAX) this.#dropOldest(own);
    else if (this.#all.length >= LISTINGS_MAX) this.#dropOldest(this.#all);
    const made = new Listing(volume, frame, inode, fop);
    made.usedAt = performance.now();
    this.#all.push(made);
    this.#sweep ??= setInterval(() => this.#dropUnused(), AGE_MAX_MS).unref();
    return made;
  }

  #dropOldest(of: readonly Listing[]): void {
    const oldest = of.reduce((found, one) => (one.usedAt < found.usedAt ? one : found));
    this.#all = this.#all.filter(one => one !== oldest);
  }

  /** Drops the listings whose clients have stopped. What was read for them is too old. */
  #dropUnused(): void {
    const since = performance.now() - AGE_MAX_MS;
    this.#all = this.#all.filter(({ usedAt }) => usedAt >= since);
    if (this.#all.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

/** Those of this thread. */
export const listings = new Listings();
