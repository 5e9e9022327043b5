import type { Iatt } from '../graph/iatt.ts';
import type { Inode } from './inode.ts';

/** The inodes of one volume that are remembered. */
export interface InodeTable {
  /** gfid 00…01. */
  readonly root: Inode;
  find(gfid: Buffer): Inode | undefined;
  /** The inode of `iatt.gfid`, made if need be; with `parent` and `name` also noted as that dentry. */
  link(iatt: Iatt, parent?: Inode, name?: string): Inode;
}
