import type { Iatt } from '#src/graph/iatt.ts';
import { setIdOf } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { OWN } from '#src/graph/own-frame.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';

/**
 * Clears the set-id bits of a file that was changed by a caller who may not keep them, if what is below has not done so:
 * a kernel does it for a local brick, and a brick of GlusterFS does not. Returns the attributes afterwards.
 */
export async function dropSetId(
  { serving }: FuseCall,
  inode: Inode,
  iatt: Iatt | undefined,
): Promise<Iatt | undefined> {
  if (iatt === undefined || setIdOf(iatt.mode) === 0) return iatt;
  const { after } = await serving.volume.top.setattr(OWN, inode, { mode: iatt.mode & ~setIdOf(iatt.mode) });
  return after;
}
