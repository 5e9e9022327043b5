/**
 * Weak cache consistency data (RFC 1813, 2.6): the attributes of an object before and after a change, by which a client
 * sees whether anybody else has changed it.
 */
import type { pre_op_attr, wcc_data } from '#protocols/nfs3/types.ts';
import { FopError } from '#src/graph/fops.ts';
import type { Iatt, Wcc } from '#src/graph/iatt.ts';
import type { NfsCall, Resolved } from '#src/xlators/nfs/server/nfs-call.ts';
import { postOp, toFattr3, toTime3 } from './attributes.ts';

function toPreOp(iatt: Iatt | undefined): pre_op_attr {
  return (
    iatt && {
      size: iatt.size,
      mtime: toTime3(iatt.mtime, iatt.mtimeNsec),
      ctime: toTime3(iatt.ctime, iatt.ctimeNsec),
    }
  );
}

export function toWccData(nfs: NfsCall, { before, after }: Wcc): wcc_data {
  return { before: toPreOp(before), after: after && toFattr3(nfs, after) };
}

/** Returns the data after a failure: all that `wcc` has, and the present attributes if it has none. */
export async function wccOf(nfs: NfsCall, at: Resolved | undefined, wcc: Wcc | undefined): Promise<wcc_data> {
  if (wcc?.after) return toWccData(nfs, wcc);
  return { before: toPreOp(wcc?.before), after: await postOp(nfs, at) };
}

/** Returns the data of the object that the failed fop should have changed, as {@link wccOf}. */
export function wccAfter(nfs: NfsCall, at: Resolved | undefined, error: unknown): Promise<wcc_data> {
  return wccOf(nfs, at, error instanceof FopError ? error.wcc : undefined);
}
