/**
 * Reads ahead what clients list of a volume of GlusterFS, as performance/readdir-ahead does there. A brick takes as long
 * for an entry as the server and the client together, and would wait for them, and they for it.
 */
import type { DirList } from '../../graph/fops.ts';
import type { Frame } from '../../graph/frame.ts';
import type { Inode } from '../../graph/inode.ts';
import type { Xlator } from '../../graph/xlator.ts';
import type { InodeTable } from '../../inode/table.ts';
import type { ChangeListener } from '../listeners.ts';
import { Changes } from './changes.ts';
import { ask, type Listed, type ListingFop } from './listing.ts';
import { type Listings, listings } from './listings.ts';

export class ReaddirAhead implements Listed, ChangeListener {
  readonly top: Xlator;
  readonly table: InodeTable;
  readonly changes = new Changes();
  readonly #isOn: boolean;
  readonly #listings: Listings;

  /**
   * Nothing is read ahead of a brick in this thread, which would do it in place of other work and not beside it, and not
   * with several `stages`, which do not tell each other of changes.
   */
  constructor(top: Xlator, table: InodeTable, stages: number, all = listings) {
    this.top = top;
    this.table = table;
    this.#isOn = top.isRemote && stages === 1;
    this.#listings = all;
  }

  /**
   * Must be called when a call has changed something, before its reply is sent: what was read before is not told then.
   * With a gfid only this object has changed.
   */
  changed(gfid?: Buffer): void {
    this.changes.add(gfid);
  }

  objectChanged(gfid: Buffer): void {
    this.changed(gfid);
  }

  nameChanged(): void {
    this.changed();
  }

  everythingChanged(): void {
    this.changed();
  }

  /** Lists as the fop does, but may answer more than `size` bytes, and what was asked for before the call came. */
  async list(frame: Frame, inode: Inode, fop: ListingFop, size: number, cookie: bigint): Promise<DirList> {
    if (!this.#isOn) return this.top[fop](frame, inode.fd, size, cookie);
    const known = this.#listings.find(this, frame, inode, fop);
    const read = cookie === 0n ? undefined : await known?.after(cookie, size);
    if (read !== undefined) return read;
    const batch = await ask(this, frame, inode, fop, size, cookie);
    if (batch.list.eof) return batch.list;
    return (known ?? this.#listings.add(this, frame, inode, fop)).took(batch, size);
  }
}
