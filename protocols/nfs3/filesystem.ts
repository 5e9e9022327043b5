/** Procedures on a file system's size, abilities and limits (RFC 1813, 3.3.18 to 3.3.20). */
import { bool, type Infer, size64, struct, uint32 } from '../xdr/codec.ts';
import { nfs_fh3, nfstime3, post_op_attr, result3 } from './types.ts';

const failed = struct({ obj_attributes: post_op_attr });

export const FSSTAT3args = struct({ fsroot: nfs_fh3 });
export type FSSTAT3args = Infer<typeof FSSTAT3args>;
export const FSSTAT3res = result3(
  struct({
    obj_attributes: post_op_attr,
    tbytes: size64,
    fbytes: size64,
    abytes: size64,
    tfiles: size64,
    ffiles: size64,
    afiles: size64,
    invarsec: uint32,
  }),
  failed,
);
export type FSSTAT3res = Infer<typeof FSSTAT3res>;

export const FSINFO3args = struct({ fsroot: nfs_fh3 });
export type FSINFO3args = Infer<typeof FSINFO3args>;
export const FSINFO3res = result3(
  struct({
    obj_attributes: post_op_attr,
    rtmax: uint32,
    rtpref: uint32,
    rtmult: uint32,
    wtmax: uint32,
    wtpref: uint32,
    wtmult: uint32,
    dtpref: uint32,
    maxfilesize: size64,
    time_delta: nfstime3,
    properties: uint32,
  }),
  failed,
);
export type FSINFO3res = Infer<typeof FSINFO3res>;

export const PATHCONF3args = struct({ object: nfs_fh3 });
export type PATHCONF3args = Infer<typeof PATHCONF3args>;
export const PATHCONF3res = result3(
  struct({
    obj_attributes: post_op_attr,
    linkmax: uint32,
    name_max: uint32,
    no_trunc: bool,
    chown_restricted: bool,
    case_insensitive: bool,
    case_preserving: bool,
  }),
  failed,
);
export type PATHCONF3res = Infer<typeof PATHCONF3res>;
