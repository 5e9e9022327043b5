import { errnoOf } from '#src/errno.ts';
import type { Inode } from '#src/graph/inode.ts';
import { OWN } from '#src/graph/own-frame.ts';
import type { FuseCall } from '#src/xlators/mount/fuse/fuse-call.ts';

const DEFAULT_ACL = 'system.posix_acl_default';
const PERMISSIONS = 0o7777;

/**
 * The mode of a new object. With ACLs the kernel leaves it to the file system to apply the caller's umask: it has no effect
 * where the directory has a default ACL (acl(5)).
 */
export async function modeFor({ serving }: FuseCall, parent: Inode, mode: number, umask: number): Promise<number> {
  const permissions = mode & PERMISSIONS;
  if (!serving.options.acl || (permissions & umask) === 0) return permissions;
  try {
    await serving.volume.top.getxattr(OWN, parent, DEFAULT_ACL);
    return permissions;
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENODATA' || code === 'EOPNOTSUPP' || code === 'ENOTSUP') return permissions & ~umask;
    throw error;
  }
}
