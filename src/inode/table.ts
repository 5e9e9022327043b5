/** The inodes of one volume that are remembered. */
import { FileType, type Iatt } from '../graph/iatt.ts';
import { addDentry, dentryOf, isAbove, pathOf, removeDentry, superfluous } from './dentries.ts';
import { type Dentry, Entry } from './entry.ts';
import { GFID_LENGTH, GfidIndex } from './gfid-index.ts';
import type { Inode } from './inode.ts';
import { Lru } from './lru.ts';

/** The gfid of every volume's root: 00…01. */
export const ROOT_GFID: Buffer = Buffer.concat([Buffer.alloc(GFID_LENGTH - 1), Buffer.of(1)]);

/** Inodes looked at in one call to find one that may go. */
const LOOKS_MAX = 8;

export interface InodeTableOptions {
  /** How many inodes may be remembered that nobody uses; at least 1. */
  readonly limit: number;
  /** The inode has left: xlators let go what they keep in its slots. See `forgetOf` in `src/graph/subtree.ts`. */
  readonly forget?: (inode: Inode) => void;
}

export interface InodeTableStats {
  /** All that are remembered, those in use among them. */
  readonly inodes: number;
  readonly inUse: number;
  readonly limit: number;
  /** Since the start. */
  readonly purged: number;
  readonly cyclesRefused: number;
}

/**
 * Who keeps an inode across an `await` takes a reference, or it may be purged meanwhile. Inodes nobody references are
 * purged from the old end of a list once there are more than `limit`; one that was used since it was last met there gets
 * a second chance, so that finding an inode costs a flag and no move in the list. A directory stays as long as an entry
 * of it is remembered. No call does more than a bounded amount of this.
 */
export class InodeTable {
  readonly root: Inode;
  readonly #limit: number;
  readonly #forget: (inode: Inode) => void;
  readonly #index = new GfidIndex();
  readonly #lru = new Lru();
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

  /** The inode whose gfid stands at `at` in `bytes`, such as a file handle. */
  findAt(bytes: Buffer, at: number): Inode | undefined {
    if (bytes.length - at < GFID_LENGTH) return undefined;
    const entry = this.#index.find(bytes, at);
    if (entry) entry.touched = true;
    return entry;
  }

  /**
   * The inode of `iatt.gfid`, made if need be; with `parent` and `name` also noted as that dentry, in place of what had
   * that name. `.`, `..` and what would put a directory below itself are not noted.
   */
  link(iatt: Iatt, parent?: Inode, name?: string): Inode {
    let entry = this.#index.find(iatt.gfid, 0);
    if (entry && entry.type !== iatt.type && entry !== this.root) {
      this.invalidate(entry); // a gfid is one object's for ever; a brick that says otherwise has lost its memory
      this.#index.find(iatt.gfid, 0);
      entry = undefined;
    }
    if (entry) {
      entry.touched = true;
    } else {
      if (iatt.gfid.length !== GFID_LENGTH) throw new RangeError(`a gfid of ${iatt.gfid.length} bytes`);
      entry = new Entry(this.#index.words, iatt.gfid, iatt.type, iatt.hint);
      this.#index.add(entry);
      this.#lru.add(entry);
    }
    if (entry.nlookup < 0x3fff_ffff) entry.nlookup++;
    if (parent && name !== undefined) this.#note(parent as Entry, name, entry);
    if (this.#index.size - this.#inUse > this.#limit) this.#prune(entry);
    return entry;
  }

  /** What is remembered as `name` in `parent`; `undefined` says nothing about whether there is such an object. */
  lookup(parent: Inode, name: string): Inode | undefined {
    if ((parent as Entry).gone) return undefined;
    const inode = dentryOf(parent as Entry, name)?.inode;
    if (inode) inode.touched = true;
    return inode;
  }

  /** The name is gone; the inode, if it was known by it, is returned. */
  unlink(parent: Inode, name: string): Inode | undefined {
    const dentry = dentryOf(parent as Entry, name);
    if (!dentry) return undefined;
    this.#remove(dentry);
    return dentry.inode;
  }

  /** As rename(2): what was called `toName` is so no more, and two names of one inode both stay. */
  rename(from: Inode, fromName: string, to: Inode, toName: string): Inode | undefined {
    const source = dentryOf(from as Entry, fromName);
    const target = dentryOf(to as Entry, toName);
    if (source && source.inode === target?.inode) return source.inode;
    if (target) this.#remove(target);
    if (!source) return undefined;
    this.#remove(source);
    this.#note(to as Entry, toName, source.inode);
    return source.inode;
  }

  /** The inode is in use until as many {@link unref} have followed. */
  ref(inode: Inode): Inode {
    const entry = inode as Entry;
    if (entry.refs++ === 0 && !entry.gone) this.#inUse++;
    return inode;
  }

  unref(inode: Inode): void {
    const entry = inode as Entry;
    if (entry.refs === 0) throw new Error(`an inode is let go that nobody holds: ${this.path(inode)}`);
    if (--entry.refs > 0) return;
    if (entry.gone) {
      this.#forget(entry); // also what was put into its slots after it had gone
      return;
    }
    this.#inUse--;
    entry.touched = true;
    this.#relist(entry);
    if (this.#index.size - this.#inUse > this.#limit) this.#prune(undefined);
  }

  /** Takes back `count` of the times that {@link link} gave this inode out (default: all); at zero it may go at once. */
  forget(inode: Inode, count = Infinity): void {
    const entry = inode as Entry;
    entry.nlookup = Math.max(0, entry.nlookup - count);
    const free = entry.nlookup === 0 && entry.refs === 0 && entry.names === undefined;
    if (free && !entry.gone && entry !== this.root) this.#purge(entry);
  }

  /** The object exists no more: it is found no more, and forgotten as soon as nobody uses it. */
  invalidate(inode: Inode): void {
    const entry = inode as Entry;
    if (!entry.gone && entry !== this.root) this.#purge(entry);
  }

  /** For messages. */
  path(inode: Inode): string {
    return pathOf(this.root as Entry, inode as Entry);
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
    addDentry(parent, name, entry); // before the old one goes, which may have been what kept the parent
    if (old) this.#remove(old);
  }

  #remove(dentry: Dentry): void {
    removeDentry(dentry);
    this.#relist(dentry.parent);
  }

  /** Puts an entry back among those that may be purged, if it is not there and may. */
  #relist(entry: Entry): void {
    const free = entry.refs === 0 && entry.names === undefined && !entry.gone && entry !== this.root;
    if (free && !entry.listed) this.#lru.add(entry);
  }

  /** @param kept is not purged */
  #prune(kept: Entry | undefined): void {
    for (let looks = 1; looks <= LOOKS_MAX && this.#index.size - this.#inUse > this.#limit; looks++) {
      const entry = this.#lru.oldest;
      if (!entry || entry === kept) return;
      this.#lru.remove(entry);
      if (entry.refs > 0 || entry.names) continue; // it is put back when it may go
      if (entry.touched && looks < LOOKS_MAX) {
        entry.touched = false;
        this.#lru.add(entry);
      } else {
        this.#purge(entry);
      }
    }
  }

  #purge(entry: Entry): void {
    if (entry.listed) this.#lru.remove(entry);
    this.#index.remove(entry);
    while (entry.dentries) this.#remove(entry.dentries);
    entry.gone = true;
    this.#purged++;
    if (entry.refs > 0) this.#inUse--;
    else this.#forget(entry);
  }
}
