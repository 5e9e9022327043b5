import type { Inode } from '../inode/inode.ts';

/** An open file or directory. */
export class Fd {
  readonly inode: Inode;
  /** open(2)'s flags; of no meaning when anonymous. */
  readonly flags: number;
  /** NFS has no OPEN: such an fd stands for "this inode, opened as needed", one for each inode. */
  readonly anonymous: boolean;
  /** A slot for each xlator of the graph, by its `slot` number. */
  readonly slots: unknown[] = [];

  constructor(inode: Inode, flags: number, anonymous = false) {
    this.inode = inode;
    this.flags = flags;
    this.anonymous = anonymous;
  }
}
