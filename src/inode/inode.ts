import { Fd } from '../graph/fd.ts';
import type { FileType } from '../graph/iatt.ts';

/** An object of a volume, known by its gfid. Made and kept by the {@link InodeTable} (table.ts). */
export class Inode {
  /** 16 bytes of its own. */
  readonly gfid: Buffer;
  readonly type: FileType;
  /** See `Iatt.hint`. */
  readonly hint: Buffer | undefined;
  /** A slot for each xlator of the graph, by its `slot` number: where an xlator keeps what it knows of the inode. */
  readonly slots: unknown[] = [];
  #fd: Fd | undefined;

  constructor(gfid: Buffer, type: FileType, hint?: Buffer) {
    this.gfid = gfid;
    this.type = type;
    this.hint = hint;
  }

  /** The inode's one anonymous fd. */
  get fd(): Fd {
    return (this.#fd ??= new Fd(this, 0, true));
  }
}
