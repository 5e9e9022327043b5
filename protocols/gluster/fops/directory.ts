/** Fops on the entries of a directory. */
import { type Codec, int32, list, struct, uint32, uint64 } from '../../xdr/codec.ts';
import { ENTRIES_MAX } from '../constants.ts';
import { gfx_dict as xdata } from '../dict.ts';
import { gfid } from '../iatt.ts';
import { fop } from '../procedure.ts';
import { bname, remote_fd as fd, type Replies } from '../types.ts';

const gfx_opendir_req = struct({ gfid, xdata });
/** `offset` is the `d_off` of the last entry that is known, 0 at the start. */
const gfx_readdir_req = struct({ gfid, fd, offset: uint64, size: uint32, xdata });
/** `xdata` has the keys that the brick adds to each entry. */
const gfx_readdirp_req = struct({ gfid, fd, offset: uint64, size: uint32, xdata });
const gfx_fsyncdir_req = struct({ gfid, fd, data: int32, xdata });
const gfx_releasedir_req = struct({ gfid, fd, xdata });

/** With what an entry begins in both listings. */
export const listedEntry = { d_ino: uint64, d_off: uint64, d_len: uint32, d_type: uint32, name: bname };

/** `entryplus` reads the entries of READDIRP, each with its attributes and dict. */
export function directoryFops<I, D, E>(replies: Replies<I, D>, entryplus: Codec<E>) {
  const { head, gfx_common_rsp } = replies;
  const gfx_opendir_rsp = struct({ ...head, fd });
  const gfx_readdir_rsp = struct({ ...head, reply: list(struct(listedEntry), ENTRIES_MAX) });
  const gfx_readdirp_rsp = struct({ ...head, reply: list(entryplus, ENTRIES_MAX) });
  return {
    OPENDIR: fop('OPENDIR', 20, gfx_opendir_req, gfx_opendir_rsp),
    FSYNCDIR: fop('FSYNCDIR', 21, gfx_fsyncdir_req, gfx_common_rsp),
    READDIR: fop('READDIR', 28, gfx_readdir_req, gfx_readdir_rsp),
    READDIRP: fop('READDIRP', 40, gfx_readdirp_req, gfx_readdirp_rsp),
    RELEASEDIR: fop('RELEASEDIR', 42, gfx_releasedir_req, gfx_common_rsp),
  };
}
