import type { FileType } from '../graph/iatt.ts';
import { Inode } from './inode.ts';

/** `name` in `parent` is `inode`. */
export interface Dentry {
  readonly parent: Entry;
  readonly name: string;
  readonly inode: Entry;
  /** An older name of the same inode: a hard link. */
  next: Dentry | undefined;
}

/** An inode with what its table keeps of it; all fields are the table's, nobody else's. */
export class Entry extends Inode {
  /** The gfid as four signed words: compared without touching the buffer. */
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  readonly hash: number;
  /** The next one in the same bucket of the index. */
  chain: Entry | undefined = undefined;
  /** Used since it was last met at the old end of the list. (Here, so that a find touches few cache lines.) */
  touched = false;

  /** In the list of those that may be purged; some that may not are taken off only when they are met there. */
  listed = false;
  newer: Entry | undefined = undefined;
  older: Entry | undefined = undefined;

  refs = 0;
  nlookup = 0;
  /** Purged or invalidated: in the table no more, though somebody may still hold it. */
  gone = false;

  /** Its names, the newest first. */
  dentries: Dentry | undefined = undefined;
  dentryCount = 0;
  /** A directory's entries, as far as they are remembered; `undefined` when none is. */
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

/** A gfid taken apart. */
export interface Words {
  w0: number;
  w1: number;
  w2: number;
  w3: number;
  hash: number;
}
