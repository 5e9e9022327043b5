/** Fops on one object: its attributes, the target of a symbolic link, rights, and the file system. */
import { int32, string, struct, uint32 } from '../../xdr/codec.ts';
import { PATH_BYTES_MAX } from '../constants.ts';
import { gfx_dict as xdata } from '../dict.ts';
import { gfid, gfx_iattx } from '../iatt.ts';
import { fop } from '../procedure.ts';
import { gf_statfs, remote_fd as fd, type Replies } from '../types.ts';

const gfx_stat_req = struct({ gfid, xdata });
const gfx_fstat_req = struct({ gfid, fd, xdata });
const gfx_readlink_req = struct({ gfid, size: uint32, xdata });
const gfx_access_req = struct({ gfid, mask: uint32, xdata });
const gfx_statfs_req = struct({ gfid, xdata });
/** `valid` tells which fields of `stbuf` are set ({@link GF_SET_ATTR}). */
const gfx_setattr_req = struct({ gfid, stbuf: gfx_iattx, valid: int32, xdata });
const gfx_fsetattr_req = struct({ gfid, fd, stbuf: gfx_iattx, valid: int32, xdata });

export function objectFops<I, D>(replies: Replies<I, D>) {
  const { head, iatt, gfx_common_rsp, gfx_common_iatt_rsp, gfx_common_2iatt_rsp } = replies;
  const gfx_readlink_rsp = struct({ ...head, buf: iatt, path: string(PATH_BYTES_MAX) });
  const gfx_statfs_rsp = struct({ ...head, statfs: gf_statfs });
  return {
    STAT: fop('STAT', 1, gfx_stat_req, gfx_common_iatt_rsp),
    READLINK: fop('READLINK', 2, gfx_readlink_req, gfx_readlink_rsp),
    STATFS: fop('STATFS', 14, gfx_statfs_req, gfx_statfs_rsp),
    ACCESS: fop('ACCESS', 22, gfx_access_req, gfx_common_rsp),
    FSTAT: fop('FSTAT', 25, gfx_fstat_req, gfx_common_iatt_rsp),
    SETATTR: fop('SETATTR', 38, gfx_setattr_req, gfx_common_2iatt_rsp),
    FSETATTR: fop('FSETATTR', 39, gfx_fsetattr_req, gfx_common_2iatt_rsp),
  };
}
