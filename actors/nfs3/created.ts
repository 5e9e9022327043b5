/** The answer of CREATE, MKDIR, SYMLINK and MKNOD. */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import type { CREATE3res } from '#protocols/nfs3/names.ts';
import type { Failure } from '#protocols/nfs3/types.ts';
import type { Made } from '#src/graph/fops.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { toFattr3 } from './attributes.ts';
import { toWccData, wccAfter } from './wcc.ts';

export function madeRes(nfs: NfsCall, dir: Resolved, name: string, { iatt, parent }: Made): CREATE3res {
  nfs.link(dir, name, iatt);
  return {
    status: nfsstat3.NFS3_OK,
    obj: nfs.handleOf(dir, iatt),
    obj_attributes: toFattr3(nfs, iatt),
    dir_wcc: toWccData(nfs, parent),
  };
}

export async function notMade(
  nfs: NfsCall,
  status: Failure,
  dir: Resolved | undefined,
  error: unknown,
): Promise<CREATE3res> {
  return { status, dir_wcc: await wccAfter(nfs, dir, error) };
}
