/** The results of CREATE, MKDIR, SYMLINK and MKNOD, which have the same form. */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import type { CREATE3res } from '#protocols/nfs3/names.ts';
import type { Failure } from '#protocols/nfs3/types.ts';
import type { Made } from '#src/graph/fops.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { toFattr3 } from './attributes.ts';
import { toWccData, wccAfter } from './wcc.ts';

/** Enters the new object in the inode table and returns the result. */
export function created(nfs: NfsCall, dir: Resolved, name: string, { iatt, parent }: Made): CREATE3res {
  nfs.link(dir, name, iatt);
  return {
    status: nfsstat3.NFS3_OK,
    obj: nfs.handleOf(dir, iatt),
    obj_attributes: toFattr3(nfs, iatt),
    dir_wcc: toWccData(nfs, parent),
  };
}

/** Returns the failure arm, with the attributes of the directory. */
export async function notCreated(
  nfs: NfsCall,
  status: Failure,
  dir: Resolved | undefined,
  error: unknown,
): Promise<CREATE3res> {
  return { status, dir_wcc: await wccAfter(nfs, dir, error) };
}
