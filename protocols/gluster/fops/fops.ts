import type { Codec } from '../../xdr/codec.ts';
import { commonReplies } from '../types.ts';
import { dataFops } from './data.ts';
import { directoryFops } from './directory.ts';
import { lockFops } from './locks.ts';
import { nameFops } from './names.ts';
import { objectFops } from './objects.ts';
import { xattrFops } from './xattrs.ts';

/**
 * Makes the table of the fops that are called here. `iatt` and `dict` decode the attributes and dicts of the replies,
 * into the form in which the client passes them on.
 *
 * The numbers are those of the wire, which differ from GlusterFS's own from 41 on. Four are left out on purpose:
 * NAMELINK (54) ends the process of a GlusterFS 10.3 brick, ICREATE (53) makes an object that cannot be used, and bricks
 * do not know COMPOUND (49) and PUT (55). IPC, LEASE, GETACTIVELK, SETACTIVELK and COPY_FILE_RANGE serve no fop of the
 * graph.
 */
export function glusterFops<I, D>(iatt: Codec<I>, dict: Codec<D>) {
  const replies = commonReplies(iatt, dict);
  return {
    ...objectFops(replies),
    ...nameFops(replies),
    ...dataFops(replies),
    ...directoryFops(replies),
    ...xattrFops(replies),
    ...lockFops(replies),
  };
}
