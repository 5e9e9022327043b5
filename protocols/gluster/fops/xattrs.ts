/** Fops on extended attributes. */
import { string, struct, uint32 } from '../../xdr/codec.ts';
import { KEY_BYTES_MAX } from '../constants.ts';
import { gfx_dict as dict } from '../dict.ts';
import { gfid } from '../iatt.ts';
import { fop } from '../procedure.ts';
import { remote_fd as fd, type Replies } from '../types.ts';

const xdata = dict;
const name = string(KEY_BYTES_MAX);

/** `flags` as for setxattr(2): 1 create, 2 replace. */
const gfx_setxattr_req = struct({ gfid, flags: uint32, dict, xdata });
const gfx_fsetxattr_req = struct({ gfid, fd, flags: uint32, dict, xdata });
/** A `namelen` of 0 asks for all of them with their values, any other for the one called `name`. */
const gfx_getxattr_req = struct({ gfid, namelen: uint32, name, xdata });
const gfx_fgetxattr_req = struct({ gfid, fd, namelen: uint32, name, xdata });
const gfx_removexattr_req = struct({ gfid, name, xdata });
const gfx_fremovexattr_req = struct({ gfid, fd, name, xdata });
/** `flags` is one of {@link GF_XATTROP}. */
const gfx_xattrop_req = struct({ gfid, flags: uint32, dict, xdata });
const gfx_fxattrop_req = struct({ gfid, fd, flags: uint32, dict, xdata });

export function xattrFops<I, D>({ gfx_common_rsp, gfx_common_dict_rsp }: Replies<I, D>) {
  return {
    SETXATTR: fop('SETXATTR', 17, gfx_setxattr_req, gfx_common_rsp),
    GETXATTR: fop('GETXATTR', 18, gfx_getxattr_req, gfx_common_dict_rsp),
    REMOVEXATTR: fop('REMOVEXATTR', 19, gfx_removexattr_req, gfx_common_rsp),
    XATTROP: fop('XATTROP', 33, gfx_xattrop_req, gfx_common_dict_rsp),
    FXATTROP: fop('FXATTROP', 34, gfx_fxattrop_req, gfx_common_dict_rsp),
    FGETXATTR: fop('FGETXATTR', 35, gfx_fgetxattr_req, gfx_common_dict_rsp),
    FSETXATTR: fop('FSETXATTR', 36, gfx_fsetxattr_req, gfx_common_rsp),
    FREMOVEXATTR: fop('FREMOVEXATTR', 43, gfx_fremovexattr_req, gfx_common_rsp),
  };
}
