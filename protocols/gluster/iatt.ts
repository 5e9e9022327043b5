/** The attributes of an object, as the fops have them and as callbacks have them. */
import { type Infer, fixedOpaque, int64, size64, struct, uint32, uint64 } from '../xdr/codec.ts';

/** 16 bytes that name an object. */
export const gfid = fixedOpaque(16);

/** How many bytes a {@link gfx_iattx} takes. */
export const IATTX_BYTES = 148;

/** The attributes in fops. All zero says that there is no such object, or that nothing is known of it. */
export const gfx_iattx = struct({
  ia_gfid: gfid,
  /** Which of the others are known. */
  ia_flags: uint64,
  ia_ino: uint64,
  ia_dev: uint64,
  /** The major number in the upper 32 bits, the minor number in the lower ones. */
  ia_rdev: uint64,
  ia_size: size64,
  ia_blocks: size64,
  ia_attributes: uint64,
  ia_attributes_mask: uint64,
  ia_atime: int64,
  ia_mtime: int64,
  ia_ctime: int64,
  ia_btime: int64,
  ia_atime_nsec: uint32,
  ia_mtime_nsec: uint32,
  ia_ctime_nsec: uint32,
  ia_btime_nsec: uint32,
  ia_nlink: uint32,
  ia_uid: uint32,
  ia_gid: uint32,
  ia_blksize: uint32,
  /** The st_mode of stat(2), with the bits of the type. */
  mode: uint32,
});
export type gfx_iattx = Infer<typeof gfx_iattx>;

/** The attributes in callbacks, whose form is that of GlusterFS 3. */
export const gf_iatt = struct({
  ia_gfid: gfid,
  ia_ino: uint64,
  ia_dev: uint64,
  mode: uint32,
  ia_nlink: uint32,
  ia_uid: uint32,
  ia_gid: uint32,
  ia_rdev: uint64,
  ia_size: size64,
  ia_blksize: uint32,
  ia_blocks: size64,
  ia_atime: uint32,
  ia_atime_nsec: uint32,
  ia_mtime: uint32,
  ia_mtime_nsec: uint32,
  ia_ctime: uint32,
  ia_ctime_nsec: uint32,
});
export type gf_iatt = Infer<typeof gf_iatt>;
