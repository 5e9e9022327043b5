/** Fops on names. Those that make an object have its gfid in their xdata, under the key `gfid-req`. */
import { int32, string, struct, uint32, uint64 } from '../../xdr/codec.ts';
import { PATH_BYTES_MAX } from '../constants.ts';
import { gfx_dict as xdata } from '../dict.ts';
import { gfid } from '../iatt.ts';
import { fop } from '../procedure.ts';
import { bname, remote_fd, type Replies } from '../types.ts';

/** A name in `pargfid`; or, if that is all zero and `bname` empty, the object `gfid`. */
const gfx_lookup_req = struct({ gfid, pargfid: gfid, flags: uint32, bname, xdata });
/** `dev` is a dev_t of the GNU C library, unlike `ia_rdev`. `mode` has the bits of the type. */
const gfx_mknod_req = struct({ pargfid: gfid, dev: uint64, mode: uint32, umask: uint32, bname, xdata });
const gfx_mkdir_req = struct({ pargfid: gfid, mode: uint32, umask: uint32, bname, xdata });
const gfx_unlink_req = struct({ pargfid: gfid, bname, xflags: uint32, xdata });
/** The flags come first here, and last in {@link gfx_unlink_req}. */
const gfx_rmdir_req = struct({ pargfid: gfid, xflags: int32, bname, xdata });
const gfx_symlink_req = struct({ pargfid: gfid, bname, umask: uint32, linkname: string(PATH_BYTES_MAX), xdata });
const gfx_rename_req = struct({ oldgfid: gfid, newgfid: gfid, oldbname: bname, newbname: bname, xdata });
/** `oldgfid` is the file, `newgfid` the directory. */
const gfx_link_req = struct({ oldgfid: gfid, newgfid: gfid, newbname: bname, xdata });
const gfx_create_req = struct({ pargfid: gfid, flags: uint32, mode: uint32, umask: uint32, bname, xdata });

export function nameFops<I, D>(replies: Replies<I, D>) {
  const { head, iatt, gfx_common_2iatt_rsp, gfx_common_3iatt_rsp } = replies;
  const gfx_rename_rsp = struct({
    ...head,
    stat: iatt,
    preoldparent: iatt,
    postoldparent: iatt,
    prenewparent: iatt,
    postnewparent: iatt,
  });
  const gfx_create_rsp = struct({ ...head, stat: iatt, fd: remote_fd, preparent: iatt, postparent: iatt });
  return {
    MKNOD: fop('MKNOD', 3, gfx_mknod_req, gfx_common_3iatt_rsp),
    MKDIR: fop('MKDIR', 4, gfx_mkdir_req, gfx_common_3iatt_rsp),
    UNLINK: fop('UNLINK', 5, gfx_unlink_req, gfx_common_2iatt_rsp),
    RMDIR: fop('RMDIR', 6, gfx_rmdir_req, gfx_common_2iatt_rsp),
    SYMLINK: fop('SYMLINK', 7, gfx_symlink_req, gfx_common_3iatt_rsp),
    RENAME: fop('RENAME', 8, gfx_rename_req, gfx_rename_rsp),
    LINK: fop('LINK', 9, gfx_link_req, gfx_common_3iatt_rsp),
    CREATE: fop('CREATE', 23, gfx_create_req, gfx_create_rsp),
    /** `prestat` is the object, `poststat` the directory. */
    LOOKUP: fop('LOOKUP', 27, gfx_lookup_req, gfx_common_2iatt_rsp),
  };
}
