import { createHash } from 'node:crypto';
import type { Xlator } from '../../../graph/xlator.ts';
import type { InodeTable } from '../../../inode/table.ts';
import { bytesOfText } from '../../../wire-text.ts';

/** A child of `nfs/server`, which is mounted as `/NAME`, together with the tree that its brick serves. */
export class Volume {
  readonly name: string;
  /** The UUID that the volfile gives the volume. Without one the name identifies the volume. */
  readonly id: string | undefined;
  /** The id of the tree, from `Xlator.volumeId`; `undefined` until the brick could be asked. */
  readonly tree: Buffer | undefined;
  /** The number that identifies volume and tree in file handles. It is the same in every start. */
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
