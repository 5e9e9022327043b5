import type { post_op_attr } from '#protocols/nfs3/types.ts';
import type { Statfs } from '#src/graph/fops.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { postOp } from './attributes.ts';

/**
 * Asks for the numbers of an object's file system and for the object's attributes, both at once. Waits for both even if
 * statfs fails, since the inode must stay in use until the brick has answered.
 */
export async function statfsWithAttributes(
  nfs: NfsCall,
  at: Resolved,
): Promise<{ statfs: Statfs; obj_attributes: post_op_attr }> {
  const statfs = at.volume.top.statfs(at.frame, at.inode);
  const attributes = postOp(nfs, at);
  try {
    return { statfs: await statfs, obj_attributes: await attributes };
  } catch (error) {
    await attributes;
    throw error;
  }
}
