import { entryplusOf } from '#protocols/gluster/fops/fops.ts';
import { bname } from '#protocols/gluster/types.ts';
import type { Codec } from '#protocols/xdr/codec.ts';
import type { Dirent } from '../../../graph/fops.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import { remote_iatt, remote_xdata } from './iatt.ts';

/** The inode number, the position behind the entry, and two numbers that say nothing: a length and a type. */
const HEAD_BYTES = 24;

/**
 * An entry of READDIRP, decoded into the form in which the graph has it. The `fsid` of its attributes is not known yet, see
 * {@link iattOf}.
 */
export const remote_dirent: Codec<Dirent> = {
  shape: entryplusOf(remote_iatt, remote_xdata).shape,
  encode() {
    throw new TypeError('a client sends no entries');
  },
  decode(from) {
    const at = from.take(HEAD_BYTES);
    const { view } = from;
    const cookie = view.getBigUint64(at + 8);
    const name = bname.decode(from);
    const iatt = remote_iatt.decode(from) as Iatt | undefined;
    const xdata = remote_xdata.decode(from);
    // Written out, since spreading takes several times as long.
    if (iatt !== undefined) {
      const { ino } = iatt;
      return xdata === undefined ? { name, ino, cookie, iatt } : { name, ino, cookie, iatt, xdata };
    }
    const ino = view.getBigUint64(at);
    return xdata === undefined ? { name, ino, cookie } : { name, ino, cookie, xdata };
  },
};
