import type { Xlator } from '../graph/xlator.ts';
import type { InodeTable } from '../inode/table.ts';
import type { ReaddirAhead } from './readdir-ahead/readdir-ahead.ts';
import type { WriteVerifier } from './write-verifiers.ts';

/** A subvolume of a master together with the tree that its bricks serve. Another tree is another volume. */
export interface Volume {
  readonly name: string;
  /** The topmost xlator of the volume. */
  readonly top: Xlator;
  /** The id of the tree, from `Xlator.volumeId`; `undefined` until the bricks could be asked. */
  readonly tree: Buffer | undefined;
  readonly table: InodeTable;
  readonly verifier: WriteVerifier;
  /** Lists its directories, and is told of changes. */
  readonly ahead: ReaddirAhead;
}
