import type { DirList } from '../../graph/fops.ts';
import type { Iatt } from '../../graph/iatt.ts';

/** Of so many changes it is known which object each has changed. */
const KNOWN_MAX = 256;

/** Gfids are random, so that a part of one nearly always tells which it is; if not, something is asked for once more. */
const partOf = (gfid: Buffer): number => gfid.readInt32BE(12);

/** The changes in a volume that this server has made or was told of. */
export class Changes {
  #count = 0;
  /** The count after the last change that was not one of a single object. */
  #lastWide = 0;
  /** What the last changes were about, by their numbers. */
  readonly #objects = new Int32Array(KNOWN_MAX);

  /** How many there were so far. */
  get count(): number {
    return this.#count;
  }

  /** Notes a change of one object, of which all names show it, or of any objects. */
  add(gfid?: Buffer): void {
    if (gfid === undefined) this.#lastWide = this.#count + 1;
    else this.#objects[this.#count % KNOWN_MAX] = partOf(gfid);
    this.#count++;
  }

  /** Whether what was listed when there were `since` changes has not changed in those after them. */
  spared(since: number, { iatt, entries }: DirList): boolean {
    const count = this.#count;
    if (since === count) return true;
    if (since < this.#lastWide || count - since > KNOWN_MAX) return false;
    const changed = new Set<number>();
    for (let i = since; i < count; i++) changed.add(this.#objects[i % KNOWN_MAX]!);
    const isSpared = ({ gfid }: Iatt) => !changed.has(partOf(gfid));
    return isSpared(iatt) && entries.every(({ iatt }) => iatt === undefined || isSpared(iatt));
  }
}
