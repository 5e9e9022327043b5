import type { FileType } from './iatt.ts';
import { keepNotes, type Note } from './note.ts';

/** An object of a volume, identified by its gfid. The {@link InodeTable} (table.ts) creates and keeps inodes. */
export class Inode {
  /** 16 bytes that belong to this inode alone. */
  readonly gfid: Buffer;
  readonly type: FileType;
  /** See `Iatt.hint`. */
  readonly hint: Buffer | undefined;
  /**
   * One slot per xlator of the graph, indexed by `Xlator.slot`, in which the xlator keeps what it knows of the inode.
   */
  readonly slots: unknown[] = [];
  /** The xid of this thread's last NFS call that changed the data; -1 if there was none. */
  dataChangedBy = -1;
  #fd: Fd | undefined;

  constructor(gfid: Buffer, type: FileType, hint?: Buffer) {
    this.gfid = gfid;
    this.type = type;
    this.hint = hint;
  }

  /** The anonymous fd of this inode; there is one. */
  get fd(): Fd {
    return (this.#fd ??= new Fd(this, 0, undefined, true));
  }
}

/**
 * An open file or directory. The caller of `open` or `opendir` makes it, with the notes that the layers answered, and
 * has it released by `releaseOf` (subtree.ts) when it is no longer used.
 */
export class Fd {
  readonly inode: Inode;
  /** The flags of open(2); meaningless if the fd is anonymous. */
  readonly flags: number;
  /** NFSv3 has no OPEN. An anonymous fd stands for "this inode, opened as needed"; each inode has one. */
  readonly anonymous: boolean;
  /** One slot per xlator of the graph, indexed by `Xlator.slot`. */
  readonly slots: unknown[] = [];

  constructor(inode: Inode, flags: number, notes?: Note, anonymous = false) {
    this.inode = inode;
    this.flags = flags;
    this.anonymous = anonymous;
    keepNotes(this.slots, notes);
  }
}
