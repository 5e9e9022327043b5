import type { Inode } from '../inode/inode.ts';

/** An open file or directory. */
export class Fd {
  readonly inode: Inode;
  /** The flags of open(2); meaningless if the fd is anonymous. */
  readonly flags: number;
  /** NFSv3 has no OPEN. An anonymous fd stands for "this inode, opened as needed"; each inode has one. */
  readonly anonymous: boolean;
  /** One slot per xlator of the graph, indexed by `Xlator.slot`. */
  readonly slots: unknown[] = [];

  constructor(inode: Inode, flags: number, anonymous = false) {
    this.inode = inode;
    this.flags = flags;
    this.anonymous = anonymous;
  }
}
