import { FsError } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Volume } from '../../../../master/volume.ts';

/** Walks along `names` from the root of the volume, or from `start`. @throws {FsError} ENOENT, ENOTDIR … */
export async function walk(
  volume: Volume,
  frame: Frame,
  names: readonly string[],
  start: Inode = volume.table.root,
): Promise<Inode> {
  let inode = start;
  for (const name of names) {
    if (name === '..') throw new FsError('EACCES', 'the path must not have ".." in it');
    const { iatt } = await volume.top.lookup(frame, inode, name);
    inode = volume.table.link(iatt, inode, name);
  }
  return inode;
}
