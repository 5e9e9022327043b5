import { createHash } from 'node:crypto';
import type { Xlator } from '../../../graph/xlator.ts';
import { InodeTable } from '../../../inode/table.ts';
import { bytesOfText } from '../../../wire-text.ts';

/** A child of `nfs/server`: what is mounted as `/NAME`. */
export class Volume {
  readonly name: string;
  /** What tells the volume in file handles: the first bytes of its id, the same in every start. */
  readonly key: number;
  readonly top: Xlator;
  readonly table: InodeTable;
  /** Whether the brick can be asked. */
  up = false;

  /** `id` is a UUID; without one the name tells the volume. */
  constructor(top: Xlator, table: InodeTable, id: string | undefined) {
    this.name = top.name;
    this.top = top;
    this.table = table;
    this.key = (id === undefined ? idOfName(top.name) : Buffer.from(id.replaceAll('-', ''), 'hex')).readUInt32BE();
  }
}

function idOfName(name: string): Buffer {
  return createHash('sha256')
    .update(bytesOfText(`bricknfs volume ${name}`))
    .digest();
}
