/** Attributes, and the requests about one object: LOOKUP, FORGET, GETATTR, SETATTR, READLINK, ACCESS, STATFS, xattrs. */
import { bytes, type Infer, int64, message, name, NOTHING, size64, struct, text, uint32, uint64 } from './codec.ts';

const ATTR = {
  ino: uint64,
  size: size64,
  blocks: size64,
  atime: int64,
  mtime: int64,
  ctime: int64,
  atimensec: uint32,
  mtimensec: uint32,
  ctimensec: uint32,
  mode: uint32,
  nlink: uint32,
  uid: uint32,
  gid: uint32,
  rdev: uint32,
  blksize: uint32,
  flags: uint32,
};
/** The attributes of an object. Times are in seconds since 1970, with their nanoseconds. */
export const fuse_attr = struct(ATTR);
export type fuse_attr = Infer<typeof fuse_attr>;

const ENTRY = {
  nodeid: size64,
  generation: size64,
  entry_valid: size64,
  attr_valid: size64,
  entry_valid_nsec: uint32,
  attr_valid_nsec: uint32,
};
/** The answer about a name. Node 0 says that there is no such name, for as long as `entry_valid` says. */
export const fuse_entry_out = struct({ ...ENTRY, ...ATTR });
export type fuse_entry_out = Infer<typeof fuse_entry_out>;

export const fuse_attr_out = struct({ attr_valid: size64, attr_valid_nsec: uint32, dummy: uint32, ...ATTR });
export type fuse_attr_out = Infer<typeof fuse_attr_out>;

/** LOOKUP, UNLINK and RMDIR. */
export const fuse_name_in = message(NOTHING, { name });
export type fuse_name_in = Infer<typeof fuse_name_in>;

export const fuse_forget_in = message(struct({ nlookup: size64 }));
export type fuse_forget_in = Infer<typeof fuse_forget_in>;

/** One node of BATCH_FORGET. */
export const fuse_forget_one = struct({ nodeid: size64, nlookup: size64 });
export type fuse_forget_one = Infer<typeof fuse_forget_one>;

/** `items` are `count` times {@link fuse_forget_one}. */
export const fuse_batch_forget_in = message(struct({ count: uint32 }, 8), { items: bytes });
export type fuse_batch_forget_in = Infer<typeof fuse_batch_forget_in>;

export const fuse_getattr_in = message(struct({ getattr_flags: uint32, dummy: uint32, fh: size64 }));
export type fuse_getattr_in = Infer<typeof fuse_getattr_in>;

export const fuse_setattr_in = message(
  struct(
    {
      valid: uint32,
      padding: uint32,
      fh: size64,
      size: size64,
      lock_owner: uint64,
      atime: int64,
      mtime: int64,
      ctime: int64,
      atimensec: uint32,
      mtimensec: uint32,
      ctimensec: uint32,
      mode: uint32,
      unused4: uint32,
      uid: uint32,
      gid: uint32,
    },
    88,
  ),
);
export type fuse_setattr_in = Infer<typeof fuse_setattr_in>;

/** READLINK and STATFS: the node says it all. */
export const fuse_node_in = message(NOTHING);
export type fuse_node_in = Infer<typeof fuse_node_in>;

export const fuse_access_in = message(struct({ mask: uint32 }, 8));
export type fuse_access_in = Infer<typeof fuse_access_in>;

export const fuse_statfs_out = struct(
  {
    blocks: size64,
    bfree: size64,
    bavail: size64,
    files: size64,
    ffree: size64,
    bsize: uint32,
    namelen: uint32,
    frsize: uint32,
  },
  80,
);
export type fuse_statfs_out = Infer<typeof fuse_statfs_out>;

/** `value` has `size` bytes. Its shorter form, of kernels that are not told that another is understood. */
export const fuse_setxattr_in = message(struct({ size: uint32, flags: uint32 }), { name: text, value: bytes });
export type fuse_setxattr_in = Infer<typeof fuse_setxattr_in>;

/** With size 0 it is asked how long the answer would be, as {@link fuse_getxattr_out}. */
export const fuse_getxattr_in = message(struct({ size: uint32 }, 8), { name: text });
export type fuse_getxattr_in = Infer<typeof fuse_getxattr_in>;

export const fuse_listxattr_in = message(struct({ size: uint32 }, 8));
export type fuse_listxattr_in = Infer<typeof fuse_listxattr_in>;

export const fuse_getxattr_out = struct({ size: uint32 }, 8);
export type fuse_getxattr_out = Infer<typeof fuse_getxattr_out>;

export const fuse_removexattr_in = message(NOTHING, { name: text });
export type fuse_removexattr_in = Infer<typeof fuse_removexattr_in>;
