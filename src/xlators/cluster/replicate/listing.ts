import { errnoOf } from '../../../errno.ts';
import type { DirList, Dirent } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { addNote, type Note } from '../../../graph/note.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { Listings, type Page, type Source } from '../listing/listings.ts';
import { has } from './children.ts';
import type { Known } from './known.ts';
import type { Lookups } from './lookups.ts';
import { isSameEverywhere, type Reads } from './reads.ts';
import type { Replicas } from './replicas.ts';

const withoutIatt = ({ name, ino, cookie, xdata }: Dirent): Dirent =>
  xdata === undefined ? { name, ino, cookie } : { name, ino, cookie, xdata };

type List = (child: Xlator, i: number, cookie: bigint) => Promise<DirList>;

/** Lists directories, each from one child that has all of its names. */
export class Listing {
  readonly #replicas: Replicas;
  readonly #lookups: Lookups;
  readonly #reads: Reads;
  readonly listings: Listings;

  constructor(replicas: Replicas, lookups: Lookups, reads: Reads) {
    this.#replicas = replicas;
    this.#lookups = lookups;
    this.#reads = reads;
    this.listings = new Listings(replicas.name, replicas.children);
  }

  async readdir(frame: Frame, inode: Inode, cookie: bigint, list: List): Promise<DirList> {
    return (await this.#list(frame, inode, cookie, list)).list;
  }

  /**
   * Lists with the attributes of all entries, as far as the child is known to be blamed for none of them. Otherwise they
   * are left out, and the caller looks up each entry. To ask the other children about each entry would cost as much.
   */
  async readdirp(frame: Frame, inode: Inode, cookie: bigint, list: List): Promise<DirList> {
    const replicas = this.#replicas;
    if (cookie === 0n && replicas.clean === 0) await this.#lookups.refresh(frame, inode);
    const { clean, generation } = replicas;
    const { list: found, child } = await this.#list(frame, inode, cookie, list);
    const isKnown = has(clean, child) && has(replicas.clean, child);
    if (!isKnown) return { ...found, entries: found.entries.map(withoutIatt) };
    const value: Known = { generation, data: clean, metadata: clean };
    // Entries with the same notes from below, or none, share one note.
    let note: Note = { slot: replicas.slot, value, next: undefined };
    for (const { iatt } of found.entries) {
      if (iatt === undefined) continue;
      if (note.next !== iatt.notes) note = { slot: replicas.slot, value, next: iatt.notes };
      addNote(iatt, note);
    }
    return found;
  }

  #list(frame: Frame, inode: Inode, cookie: bigint, list: List): Promise<Page> {
    const { children } = this.#replicas;
    const source: Source = {
      client: frame.client,
      list: (child, position) => list(children[child]!, child, position),
      any: call => this.#reads.read(frame, inode, 'data', (_, child) => call(child)),
      canRead: child => this.#reads.canRead(frame, inode, child),
      isOfOne: error => {
        const code = errnoOf(error);
        return code !== undefined && code !== 'EJUKEBOX' && !isSameEverywhere(code);
      },
    };
    return this.listings.page(inode, cookie, source);
  }
}
