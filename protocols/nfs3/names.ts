/** Procedures on the names in a directory (RFC 1813, 3.3.3 and 3.3.8 to 3.3.15). */
import { type Codec, enumOf, type Infer, nothing, struct, union } from '../xdr/codec.ts';
import { createmode3, ftype3 } from './constants.ts';
import {
  createverf3,
  diropargs3,
  nfs_fh3,
  nfspath3,
  post_op_attr,
  post_op_fh3,
  result3,
  sattr3,
  specdata3,
  wcc_data,
} from './types.ts';

export const LOOKUP3args = struct({ what: diropargs3 });
export type LOOKUP3args = Infer<typeof LOOKUP3args>;
export const LOOKUP3res = result3(
  struct({ object: nfs_fh3, obj_attributes: post_op_attr, dir_attributes: post_op_attr }),
  struct({ dir_attributes: post_op_attr }),
);
export type LOOKUP3res = Infer<typeof LOOKUP3res>;

/** CREATE, MKDIR, SYMLINK and MKNOD have the same result. */
const made = result3(
  struct({ obj: post_op_fh3, obj_attributes: post_op_attr, dir_wcc: wcc_data }),
  struct({ dir_wcc: wcc_data }),
);

export const createhow3 = union('mode', enumOf(createmode3), {
  [createmode3.UNCHECKED]: struct({ obj_attributes: sattr3 }),
  [createmode3.GUARDED]: struct({ obj_attributes: sattr3 }),
  [createmode3.EXCLUSIVE]: struct({ verf: createverf3 }),
});
export type createhow3 = Infer<typeof createhow3>;
export const CREATE3args = struct({ where: diropargs3, how: createhow3 });
export type CREATE3args = Infer<typeof CREATE3args>;
export const CREATE3res = made;
export type CREATE3res = Infer<typeof CREATE3res>;

export const MKDIR3args = struct({ where: diropargs3, attributes: sattr3 });
export type MKDIR3args = Infer<typeof MKDIR3args>;
export const MKDIR3res = made;
export type MKDIR3res = Infer<typeof MKDIR3res>;

export const symlinkdata3 = struct({ symlink_attributes: sattr3, symlink_data: nfspath3 });
export const SYMLINK3args = struct({ where: diropargs3, symlink: symlinkdata3 });
export type SYMLINK3args = Infer<typeof SYMLINK3args>;
export const SYMLINK3res = made;
export type SYMLINK3res = Infer<typeof SYMLINK3res>;

const devicedata3 = struct({ dev_attributes: sattr3, spec: specdata3 });
const pipedata3 = struct({ pipe_attributes: sattr3 });
/**
 * The data of a type that MKNOD cannot make: nothing, by the RFC. Some clients send attributes nevertheless. They are
 * decoded and dropped, so that the answer is NFS3ERR_BADTYPE (RFC 1813, 3.3.11) and not GARBAGE_ARGS.
 */
const noData: Codec<void> = {
  ...nothing,
  decode(from) {
    if (from.left > 0) sattr3.decode(from);
  },
};

export const mknoddata3 = union('type', enumOf(ftype3), {
  [ftype3.NF3REG]: noData,
  [ftype3.NF3DIR]: noData,
  [ftype3.NF3BLK]: devicedata3,
  [ftype3.NF3CHR]: devicedata3,
  [ftype3.NF3LNK]: noData,
  [ftype3.NF3SOCK]: pipedata3,
  [ftype3.NF3FIFO]: pipedata3,
});
export type mknoddata3 = Infer<typeof mknoddata3>;
export const MKNOD3args = struct({ where: diropargs3, what: mknoddata3 });
export type MKNOD3args = Infer<typeof MKNOD3args>;
export const MKNOD3res = made;
export type MKNOD3res = Infer<typeof MKNOD3res>;

const removed = result3(struct({ dir_wcc: wcc_data }), struct({ dir_wcc: wcc_data }));

export const REMOVE3args = struct({ object: diropargs3 });
export type REMOVE3args = Infer<typeof REMOVE3args>;
export const REMOVE3res = removed;
export type REMOVE3res = Infer<typeof REMOVE3res>;

export const RMDIR3args = struct({ object: diropargs3 });
export type RMDIR3args = Infer<typeof RMDIR3args>;
export const RMDIR3res = removed;
export type RMDIR3res = Infer<typeof RMDIR3res>;

const bothDirs = struct({ fromdir_wcc: wcc_data, todir_wcc: wcc_data });
export const RENAME3args = struct({ from: diropargs3, to: diropargs3 });
export type RENAME3args = Infer<typeof RENAME3args>;
export const RENAME3res = result3(bothDirs, bothDirs);
export type RENAME3res = Infer<typeof RENAME3res>;

const fileAndDir = struct({ file_attributes: post_op_attr, linkdir_wcc: wcc_data });
export const LINK3args = struct({ file: nfs_fh3, link: diropargs3 });
export type LINK3args = Infer<typeof LINK3args>;
export const LINK3res = result3(fileAndDir, fileAndDir);
export type LINK3res = Infer<typeof LINK3res>;
