import type { FileType } from '../graph/iatt.ts';
import { Inode } from '../graph/inode.ts';

/** A directory entry: `inode` is called `name` in `parent`. */
export interface Dentry {
  readonly parent: Entry;
  readonly name: string;
  readonly inode: Entry;
  /** The next older name of the same inode (a hard link). */
  next: Dentry | undefined;
}

/** An inode with the fields that the inode table needs. Only the table reads and writes them. */
export class Entry extends Inode {
  /** The gfid as four signed 32-bit words, which are compared without touching the buffer. */
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  readonly hash: number;
  /** The next entry in the same hash bucket. */
  chain: Entry | undefined = undefined;
  /**
   * Used since the list of purgeable entries was last searched. Declared here so that a find touches few cache lines.
   */
  touched = false;

  /** Neighbours in the list of purgeable entries. */
  newer: Entry | undefined = undefined;
  older: Entry | undefined = undefined;

  refs = 0;
  nlookup = 0;
  /** Purged or invalidated: no longer in the table, although references to it may remain. */
  gone = false;

  /** The names of this inode, newest first. */
  dentries: Dentry | undefined = undefined;
  dentryCount = 0;
  /** The remembered entries of this directory; `undefined` if there are none. */
  names: Map<string, Dentry> | undefined = undefined;

  constructor(words: Words, gfid: Buffer, type: FileType, hint: Buffer | undefined) {
    super(gfid, type, hint);
    this.w0 = words.w0;
    this.w1 = words.w1;
    this.w2 = words.w2;
    this.w3 = words.w3;
    this.hash = words.hash;
  }
}

/** A gfid as four 32-bit words and their hash. */
export interface Words {
  w0: number;
  w1: number;
  w2: number;
  w3: number;
  hash: number;
}
