/**
 * Changes of bytes that neither enough bricks have made nor enough have not: what is read of their stripes could be a
 * mixture, and a write to a part of such a stripe would make it one for good. They are kept in memory to be made again
 * before anything else is done there, and as soon as bricks come back. Until then, and after the end of this process,
 * the file stays marked as dirty, which is all that GlusterFS's own client does about it.
 */
import { gfidKey } from '../../../../graph/gfid.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Done, Held } from '../lock/inode-lock.ts';

/** Bytes that are kept of all such changes at most. The oldest ones are given up then. */
const BYTES_MAX = 64 * 1024 * 1024;

export interface Tear {
  readonly inode: Inode;
  /** The bytes that it is about: from the first one to the one after the last. */
  readonly from: number;
  readonly to: number;
  /** How many bytes it keeps in memory. */
  readonly bytes: number;
  /** Makes the change again. */
  readonly again: (held: Held) => Promise<Done<void>>;
}

export class Torn {
  readonly #tears = new Map<string, Tear[]>();
  #bytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Returns those that are given up for it. */
  add(tear: Tear): readonly Tear[] {
    const key = gfidKey(tear.inode.gfid);
    this.#tears.set(key, [...(this.#tears.get(key) ?? []), tear]);
    this.#bytes += tear.bytes;
    this.#count++;
    const dropped: Tear[] = [];
    for (const old of this.all()) {
      if (this.#bytes <= BYTES_MAX || old === tear) break;
      this.remove(old);
      dropped.push(old);
    }
    return dropped;
  }

  /** The first one that is about some of these bytes. */
  first({ gfid }: Inode, { from, to }: Pick<Tear, 'from' | 'to'>): Tear | undefined {
    return this.#tears.get(gfidKey(gfid))?.find(tear => tear.from < to && from < tear.to);
  }

  has(tear: Tear): boolean {
    return this.#tears.get(gfidKey(tear.inode.gfid))?.includes(tear) === true;
  }

  remove(tear: Tear): void {
    if (!this.has(tear)) return;
    const key = gfidKey(tear.inode.gfid);
    const left = this.#tears.get(key)!.filter(one => one !== tear);
    if (left.length === 0) this.#tears.delete(key);
    else this.#tears.set(key, left);
    this.#bytes -= tear.bytes;
    this.#count--;
  }

  all(): readonly Tear[] {
    return [...this.#tears.values()].flat();
  }
}
