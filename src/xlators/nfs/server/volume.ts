import { createHash } from 'node:crypto';
import type { Xlator } from '../../../graph/xlator.ts';
import type { InodeTable } from '../../../inode/table.ts';
import { bytesOfText } from '../../../wire-text.ts';

/** A child of `nfs/server`, what is mounted as `/NAME`, and the tree that its brick serves. */
export class Volume {
  readonly name: string;
  /** Of the volfile, a UUID; without one the name tells the volume. */
  readonly id: string | undefined;
  /** Which tree it is: `Xlator.volumeId`; `undefined` as long as the brick could not be asked. */
  readonly tree: Buffer | undefined;
  /** What tells volume and tree in file handles: the same in every start. */
  readonly key: number;
  readonly top: Xlator;
  readonly table: InodeTable;
  /** Whether the brick can be asked. */
  up = false;

  constructor(top: Xlator, table: InodeTable, id?: string, tree?: Buffer) {
    this.name = top.name;
    this.top = top;
    this.table = table;
    this.id = id;
    this.tree = tree;
    const hash = createHash('sha256').update(bytesOfText(`bricknfs volume ${id ?? top.name}\0`));
    this.key = hash
      .update(tree ?? '')
      .digest()
      .readUInt32BE();
  }
}
