/** Finds out which files are read or written often. */

/** Calls for which a file counts as busy, if they come within a time. */
const CALLS_MIN = 4;
const WITHIN_MS = 1000;
/** How many files are counted at a time; a power of 2. A file may take the place of another one, whose count is lost. */
const PLACES = 1024;

/** Counts calls in places that the gfid tells, so that a file which is read once costs no memory. */
export class BusyCounts {
  /** Tells the files apart that have the same place. */
  readonly #tags = new Int32Array(PLACES);
  readonly #calls = new Uint8Array(PLACES);
  /** When the first of the calls came. */
  readonly #since = new Float64Array(PLACES);

  /** Counts a call. Returns whether it makes the file busy; the next call is then the first one again. */
  isBusyBy(gfid: Buffer): boolean {
    const place = (gfid[14]! | (gfid[15]! << 8)) & (PLACES - 1);
    const tag = gfid[10]! | (gfid[11]! << 8) | (gfid[12]! << 16) | (gfid[13]! << 24);
    const now = Date.now();
    const isNext = tag === this.#tags[place] && now - this.#since[place]! < WITHIN_MS;
    if (!isNext) {
      this.#tags[place] = tag;
      this.#since[place] = now;
      this.#calls[place] = 0;
    }
    const calls = this.#calls[place]! + 1;
    this.#calls[place] = calls === CALLS_MIN ? 0 : calls;
    return calls === CALLS_MIN;
  }
}
