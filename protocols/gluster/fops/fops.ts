import { type Codec, struct } from '../../xdr/codec.ts';
import { commonReplies } from '../types.ts';
import { dataFops } from './data.ts';
import { directoryFops, listedEntry } from './directory.ts';
import { lockFops } from './locks.ts';
import { nameFops } from './names.ts';
import { objectFops } from './objects.ts';
import { xattrFops } from './xattrs.ts';

/** An entry of a listing with its attributes and dict. */
export const entryplusOf = <I, D>(iatt: Codec<I>, dict: Codec<D>) => struct({ ...listedEntry, stat: iatt, dict });

/**
 * Makes the table of the fops that are called here. `iatt`, `dict` and `entryplus` decode the attributes, dicts and listed
 * entries of the replies, into the form in which the client passes them on.
 *
 * The numbers are those of the wire, which differ from GlusterFS's own from 41 on. Four are left out on purpose:
 * NAMELINK (54) ends the process of a GlusterFS 10.3 brick, ICREATE (53) makes an object that cannot be used, and bricks
 * do not know COMPOUND (49) and PUT (55). IPC, LEASE, GETACTIVELK, SETACTIVELK and COPY_FILE_RANGE serve no fop of the
 * graph.
 */
export function glusterFops<I, D, E>(iatt: Codec<I>, dict: Codec<D>, entryplus: Codec<E>) {
  const replies = commonReplies(iatt, dict);
  return {
    ...objectFops(replies),
    ...nameFops(replies),
    ...dataFops(replies),
    ...directoryFops(replies, entryplus),
    ...xattrFops(replies),
    ...lockFops(replies),
  };
}
