/** Requests about open files and directories, which `fh` names: the number that the reply to OPEN or OPENDIR gave. */
import { bytes, type Infer, message, name, size64, struct, uint32, uint64 } from './codec.ts';

/** OPEN and OPENDIR; `flags` are those of open(2). */
export const fuse_open_in = message(struct({ flags: uint32, open_flags: uint32 }));
export type fuse_open_in = Infer<typeof fuse_open_in>;

export const fuse_open_out = struct({ fh: size64, open_flags: uint32, backing_id: uint32 });
export type fuse_open_out = Infer<typeof fuse_open_out>;

/** The reply is a fuse_entry_out followed by a fuse_open_out. */
export const fuse_create_in = message(struct({ flags: uint32, mode: uint32, umask: uint32, open_flags: uint32 }), {
  name,
});
export type fuse_create_in = Infer<typeof fuse_create_in>;

export const fuse_read_in = message(
  struct({ fh: size64, offset: size64, size: uint32, read_flags: uint32, lock_owner: uint64, flags: uint32 }, 40),
);
export type fuse_read_in = Infer<typeof fuse_read_in>;

/** READDIR and READDIRPLUS: the structure of READ, in which `offset` is the position of the entry before. */
export const fuse_readdir_in = message(struct({ fh: size64, offset: uint64, size: uint32 }, 40));
export type fuse_readdir_in = Infer<typeof fuse_readdir_in>;

/** `data` has `size` bytes. */
export const fuse_write_in = message(
  struct({ fh: size64, offset: size64, size: uint32, write_flags: uint32, lock_owner: uint64, flags: uint32 }, 40),
  { data: bytes },
);
export type fuse_write_in = Infer<typeof fuse_write_in>;

export const fuse_write_out = struct({ size: uint32 }, 8);
export type fuse_write_out = Infer<typeof fuse_write_out>;

/** RELEASE and RELEASEDIR. */
export const fuse_release_in = message(
  struct({ fh: size64, flags: uint32, release_flags: uint32, lock_owner: uint64 }),
);
export type fuse_release_in = Infer<typeof fuse_release_in>;

export const fuse_flush_in = message(struct({ fh: size64, unused: uint32, padding: uint32, lock_owner: uint64 }));
export type fuse_flush_in = Infer<typeof fuse_flush_in>;

/** FSYNC and FSYNCDIR. */
export const fuse_fsync_in = message(struct({ fh: size64, fsync_flags: uint32 }, 16));
export type fuse_fsync_in = Infer<typeof fuse_fsync_in>;

export const fuse_fallocate_in = message(struct({ fh: size64, offset: size64, length: size64, mode: uint32 }, 32));
export type fuse_fallocate_in = Infer<typeof fuse_fallocate_in>;

export const fuse_lseek_in = message(struct({ fh: size64, offset: size64, whence: uint32 }, 24));
export type fuse_lseek_in = Infer<typeof fuse_lseek_in>;

export const fuse_lseek_out = struct({ offset: size64 });
export type fuse_lseek_out = Infer<typeof fuse_lseek_out>;

const LOCK = { start: uint64, end: uint64, type: uint32, pid: uint32 };

/** GETLK, SETLK and SETLKW. `end` is the last byte of the range, and `type` one of fcntl(2). */
export const fuse_lk_in = message(struct({ fh: size64, owner: uint64, ...LOCK, lk_flags: uint32 }, 48));
export type fuse_lk_in = Infer<typeof fuse_lk_in>;

export const fuse_lk_out = struct(LOCK);
export type fuse_lk_out = Infer<typeof fuse_lk_out>;
