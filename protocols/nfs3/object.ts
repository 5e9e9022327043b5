/** Procedures on one object's attributes (RFC 1813, 3.3.1, 3.3.2, 3.3.4, 3.3.5). */
import { type Infer, nothing, option, struct, uint32 } from '../xdr/codec.ts';
import { fattr3, nfs_fh3, nfspath3, nfstime3, post_op_attr, result3, sattr3, wcc_data } from './types.ts';

export const GETATTR3args = struct({ object: nfs_fh3 });
export type GETATTR3args = Infer<typeof GETATTR3args>;
export const GETATTR3res = result3(struct({ obj_attributes: fattr3 }), nothing);
export type GETATTR3res = Infer<typeof GETATTR3res>;

/** `guard` is sattrguard3: the ctime that the object must have. */
export const SETATTR3args = struct({ object: nfs_fh3, new_attributes: sattr3, guard: option(nfstime3) });
export type SETATTR3args = Infer<typeof SETATTR3args>;
export const SETATTR3res = result3(struct({ obj_wcc: wcc_data }), struct({ obj_wcc: wcc_data }));
export type SETATTR3res = Infer<typeof SETATTR3res>;

export const ACCESS3args = struct({ object: nfs_fh3, access: uint32 });
export type ACCESS3args = Infer<typeof ACCESS3args>;
export const ACCESS3res = result3(
  struct({ obj_attributes: post_op_attr, access: uint32 }),
  struct({ obj_attributes: post_op_attr }),
);
export type ACCESS3res = Infer<typeof ACCESS3res>;

export const READLINK3args = struct({ symlink: nfs_fh3 });
export type READLINK3args = Infer<typeof READLINK3args>;
export const READLINK3res = result3(
  struct({ symlink_attributes: post_op_attr, data: nfspath3 }),
  struct({ symlink_attributes: post_op_attr }),
);
export type READLINK3res = Infer<typeof READLINK3res>;
