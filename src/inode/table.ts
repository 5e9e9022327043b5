/** The inode table of one volume: which inodes are remembered, and for how long. */
import { FileType, type Iatt } from '../graph/iatt.ts';
import { addDentry, dentryOf, isAbove, pathOf, removeDentry, superfluous } from './dentries.ts';
import { type Dentry, Entry } from './entry.ts';
import { GFID_LENGTH, ROOT_GFID } from '../graph/gfid.ts';
import { GfidIndex } from './gfid-index.ts';
import type { Inode } from '../graph/inode.ts';
import { Linked } from '../linked.ts';
import { keepNotes } from '../graph/note.ts';

/** How many inodes one call examines at most to find one that can be purged. */
const LOOKS_MAX = 8;

export interface InodeTableOptions {
  /** How many unused inodes are remembered; at least 1. */
  readonly limit: number;
  /**
   * Called when an inode leaves the table, so that xlators release what they keep in its slots. See `forgetOf` in
   * `src/graph/subtree.ts`.
   */
  readonly forget?: (inode: Inode) => void;
}

/** How many inodes are examined for a sample. The stage answers no call meanwhile. */
const SAMPLED_FROM_MAX = 100_000;

export interface InodeSample {
  /** The gfid in hexadecimal digits. */
  readonly gfid: string;
  readonly type: FileType;
  /** The number of references at the moment. */
  readonly refs: number;
  /** How often a look-up returned the inode to clients. */
  readonly nlookup: number;
  /** The path as {@link InodeTable.path} returns it. */
  readonly path: string;
}

export interface InodeTableStats {
  /** All remembered inodes, including those in use. */
  readonly inodes: number;
  readonly inUse: number;
  readonly limit: number;
  /** Inodes purged since the start. */
  readonly purged: number;
  readonly cyclesRefused: number;
}

/**
 * Code that keeps an inode across an `await` must take a reference with {@link ref}, or the inode may be purged
 * meanwhile. Once there are more than `limit` unreferenced inodes, the oldest in a list are purged. An inode that was
 * used since it was last examined at the old end gets a second chance, so finding an inode sets a flag and does not
 * move it in the list. A directory stays as long as one of its entries is remembered. Each call does a bounded amount
 * of this work.
 */
export class InodeTable {
  readonly root: Inode;
  readonly #limit: number;
  readonly #forget: (inode: Inode) => void;
  readonly #index = new GfidIndex();
  /** Entries that can be purged, and some that came into use since: those stay until the search meets them. */
  readonly #purgeable = new Linked<Entry>();
  #inUse = 0;
  #purged = 0;
  #cyclesRefused = 0;

  constructor({ limit, forget = () => {} }: InodeTableOptions) {
    this.#limit = Math.max(1, limit);
    this.#forget = forget;
    this.#index.find(ROOT_GFID, 0);
    const root = new Entry(this.#index.words, ROOT_GFID, FileType.DIR, undefined);
    this.#index.add(root);
    this.root = this.ref(root);
  }

  find(gfid: Buffer): Inode | undefined {
    return this.findAt(gfid, 0);
  }

  /** Finds the inode whose gfid begins at offset `at` of `bytes`, for example in a file handle. */
  findAt(bytes: Buffer, at: number): Inode | undefined {
    if (bytes.length - at < GFID_LENGTH) return undefined;
    const entry = this.#index.find(bytes, at);
    if (entry) entry.touched = true;
    return entry;
  }

  /**
   * Returns the inode of `iatt.gfid` and creates it if it is not in the table. With `parent` and `name` the dentry is
   * recorded as well and replaces the one that had this name. `.`, `..` and a dentry that would place a directory below
   * itself are not recorded. The notes of `iatt` are put into the inode's slots.
   */
  link(iatt: Iatt, parent?: Inode, name?: string): Inode {
    let entry = this.#index.find(iatt.gfid, 0);
    if (entry && entry.type !== iatt.type && entry !== this.root) {
      this.invalidate(entry); // a gfid belongs to one object for ever: the brick has started anew
      this.#index.find(iatt.gfid, 0);
      entry = undefined;
    }
    if (entry) {
      entry.touched = true;
    } else {
      if (iatt.gfid.length !== GFID_LENGTH) throw new RangeError(`a gfid of ${iatt.gfid.length} bytes`);
      entry = new Entry(this.#index.words, iatt.gfid, iatt.type, iatt.hint);
      this.#index.add(entry);
      this.#purgeable.add(entry);
    }
    if (iatt.notes !== undefined) keepNotes(entry.slots, iatt.notes);
    if (entry.nlookup < 0x3fff_ffff) entry.nlookup++;
    if (parent && name !== undefined) this.#note(parent as Entry, name, entry);
    if (this.#index.size - this.#inUse > this.#limit) this.#prune(entry);
    return entry;
  }

  /** The inode remembered as `name` in `parent`. `undefined` does not mean that there is no such object. */
  lookup(parent: Inode, name: string): Inode | undefined {
    if ((parent as Entry).gone) return undefined;
    const inode = dentryOf(parent as Entry, name)?.inode;
    if (inode) inode.touched = true;
    return inode;
  }

  /**
   * Notes that `name` was removed from `parent`, as by unlink(2) or rmdir(2), and forgets the inode that had it: its
   * space on disk would stay allocated for as long as a brick holds it open. `gone` is that of the fop's answer, see
   * `Removed`: the removed object may be known here under another name or under none.
   */
  removed(parent: Inode, name: string, gone?: Buffer): void {
    const dentry = dentryOf(parent as Entry, name);
    if (dentry) {
      this.#remove(dentry);
      this.forget(dentry.inode);
    }
    if (gone) this.#forgetGone(gone);
  }

  /**
   * Notes that a name was moved, as by rename(2): an inode that had the new name is forgotten, see {@link removed}. Two
   * names of the same inode both stay.
   */
  moved(from: Inode, fromName: string, to: Inode, toName: string, gone?: Buffer): void {
    const source = dentryOf(from as Entry, fromName);
    const target = dentryOf(to as Entry, toName);
    if (!source || source.inode !== target?.inode) {
      if (target) this.#remove(target);
      if (source) {
        this.#remove(source);
        this.#note(to as Entry, toName, source.inode);
      }
      if (target) this.forget(target.inode);
    }
    if (gone) this.#forgetGone(gone);
  }

  /** Takes a reference: the inode is in use until {@link unref} has been called as often as this. */
  ref(inode: Inode): Inode {
    const entry = inode as Entry;
    if (entry.refs++ === 0 && !entry.gone) this.#inUse++;
    return inode;
  }

  unref(inode: Inode): void {
    const entry = inode as Entry;
    if (entry.refs === 0) throw new Error(`unref without a ref: ${this.path(inode)}`);
    if (--entry.refs > 0) return;
    if (entry.gone) {
      this.#forget(entry); // its slots may have been filled after it left the table
      return;
    }
    this.#inUse--;
    entry.touched = true;
    this.#relist(entry);
    if (this.#index.size - this.#inUse > this.#limit) this.#prune(undefined);
  }

  /**
   * Reduces the count of lookups that {@link link} made, by `count` (default: to zero). At zero an unused inode is
   * purged at once.
   */
  forget(inode: Inode, count = Infinity): void {
    const entry = inode as Entry;
    entry.nlookup = Math.max(0, entry.nlookup - count);
    const free = entry.nlookup === 0 && entry.refs === 0 && entry.names === undefined;
    if (free && !entry.gone && entry !== this.root) this.#purge(entry);
  }

  /** The object no longer exists: its inode is no longer found, and is forgotten as soon as it is unused. */
  invalidate(inode: Inode): void {
    const entry = inode as Entry;
    if (!entry.gone && entry !== this.root) this.#purge(entry);
  }

  /** The path of an inode as far as it is known, for messages. */
  path(inode: Inode): string {
    return pathOf(this.root as Entry, inode as Entry);
  }

  /** Some of the inodes for a state dump, at most `max`: those in use first. */
  sample(max: number): InodeSample[] {
    const inUse: Entry[] = [];
    const others: Entry[] = [];
    let looked = 0;
    for (const entry of this.#index) {
      const list = entry.refs > 0 ? inUse : others;
      if (list.length < max) list.push(entry);
      if (inUse.length === max || ++looked === SAMPLED_FROM_MAX) break;
    }
    return [...inUse, ...others].slice(0, max).map(entry => ({
      gfid: entry.gfid.toString('hex'),
      type: entry.type,
      refs: entry.refs,
      nlookup: entry.nlookup,
      path: this.path(entry),
    }));
  }

  stats(): InodeTableStats {
    return {
      inodes: this.#index.size,
      inUse: this.#inUse,
      limit: this.#limit,
      purged: this.#purged,
      cyclesRefused: this.#cyclesRefused,
    };
  }

  #forgetGone(gfid: Buffer): void {
    const inode = this.find(gfid);
    if (inode) this.forget(inode);
  }

  #note(parent: Entry, name: string, entry: Entry): void {
    const known = dentryOf(parent, name);
    if (known?.inode === entry) return;
    if (name === '' || name === '.' || name === '..' || entry === this.root || entry.gone || parent.gone) return;
    if (parent.type !== FileType.DIR) return;
    if (entry.type === FileType.DIR && isAbove(entry, parent)) {
      this.#cyclesRefused++;
      return;
    }
    if (known) this.#remove(known);
    const old = superfluous(entry);
    addDentry(parent, name, entry); // before the old dentry is removed, which may be all that keeps the parent
    if (old) this.#remove(old);
  }

  #remove(dentry: Dentry): void {
    removeDentry(dentry);
    this.#relist(dentry.parent);
  }

  /** Puts an entry back into the list of purgeable entries if it belongs there and is not listed. */
  #relist(entry: Entry): void {
    const free = entry.refs === 0 && entry.names === undefined && !entry.gone && entry !== this.root;
    if (free && !this.#purgeable.has(entry)) this.#purgeable.add(entry);
  }

  /** Purges unused inodes over the limit; `kept` is spared. */
  #prune(kept: Entry | undefined): void {
    for (let looks = 1; looks <= LOOKS_MAX && this.#index.size - this.#inUse > this.#limit; looks++) {
      const entry = this.#purgeable.oldest;
      if (!entry || entry === kept) return;
      this.#purgeable.remove(entry);
      if (entry.refs > 0 || entry.names) continue; // #relist puts it back when it becomes purgeable
      if (entry.touched && looks < LOOKS_MAX) {
        entry.touched = false;
        this.#purgeable.add(entry);
      } else {
        this.#purge(entry);
      }
    }
  }

  #purge(entry: Entry): void {
    if (this.#purgeable.has(entry)) this.#purgeable.remove(entry);
    this.#index.remove(entry);
    while (entry.dentries) this.#remove(entry.dentries);
    entry.gone = true;
    this.#purged++;
    if (entry.refs > 0) this.#inUse--;
    else this.#forget(entry);
  }
}
