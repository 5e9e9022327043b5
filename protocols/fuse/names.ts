/** Requests that make, link and move names. */
import { type Infer, message, name, NOTHING, size64, struct, text, uint32 } from './codec.ts';

export const fuse_symlink_in = message(NOTHING, { name, target: text });
export type fuse_symlink_in = Infer<typeof fuse_symlink_in>;

/** `mode` has the type; `umask` has been applied unless INIT asked for DONT_MASK. */
export const fuse_mknod_in = message(struct({ mode: uint32, rdev: uint32, umask: uint32 }, 16), { name });
export type fuse_mknod_in = Infer<typeof fuse_mknod_in>;

export const fuse_mkdir_in = message(struct({ mode: uint32, umask: uint32 }), { name });
export type fuse_mkdir_in = Infer<typeof fuse_mkdir_in>;

export const fuse_rename_in = message(struct({ newdir: size64 }), { oldname: name, newname: name });
export type fuse_rename_in = Infer<typeof fuse_rename_in>;

/** `flags` are those of renameat2(2). */
export const fuse_rename2_in = message(struct({ newdir: size64, flags: uint32 }, 16), { oldname: name, newname: name });
export type fuse_rename2_in = Infer<typeof fuse_rename2_in>;

/** The node of the request is the directory; `oldnodeid` is linked there. */
export const fuse_link_in = message(struct({ oldnodeid: size64 }), { newname: name });
export type fuse_link_in = Infer<typeof fuse_link_in>;
