/** The headers of requests and replies, and the requests by which both sides come to terms. */
import { type Infer, int32, int64, message, size64, struct, uint16, uint32 } from './codec.ts';

/** Precedes each request. Node 0 and the ids of process 0 mean that there is none. */
export const fuse_in_header = struct(
  {
    len: uint32,
    opcode: uint32,
    unique: size64,
    nodeid: size64,
    uid: uint32,
    gid: uint32,
    pid: uint32,
    total_extlen: uint16,
  },
  40,
);
export type fuse_in_header = Infer<typeof fuse_in_header>;

/** Precedes each reply; `error` is 0 or a negative errno. */
export const fuse_out_header = struct({ len: uint32, error: int32, unique: size64 });
export type fuse_out_header = Infer<typeof fuse_out_header>;

/** The first request. Older minor versions than 36 end it behind `flags`. */
export const fuse_init_in = message(struct({ major: uint32, minor: uint32, max_readahead: uint32, flags: uint32 }));
export type fuse_init_in = Infer<typeof fuse_init_in>;

export const fuse_init_out = struct(
  {
    major: uint32,
    minor: uint32,
    max_readahead: uint32,
    flags: uint32,
    max_background: uint16,
    congestion_threshold: uint16,
    max_write: uint32,
    time_gran: uint32,
    max_pages: uint16,
    map_alignment: uint16,
    flags2: uint32,
  },
  64,
);
export type fuse_init_out = Infer<typeof fuse_init_out>;

/** Asks for the end of the request `unique`. It has no reply. */
export const fuse_interrupt_in = message(struct({ unique: size64 }));
export type fuse_interrupt_in = Infer<typeof fuse_interrupt_in>;

/**
 * Tells the kernel that what it has cached of a node no longer holds: its attributes and, if `off` is not negative, its
 * data. The header has the number of this message in place of an error, and 0 as `unique`.
 */
export const fuse_notify_inval_inode_out = struct({ nodeid: size64, off: int64, len: int64 });
export type fuse_notify_inval_inode_out = Infer<typeof fuse_notify_inval_inode_out>;

/** Tells the kernel that a name in a directory no longer holds. The name and a NUL follow. */
export const fuse_notify_inval_entry_out = struct({ parent: size64, namelen: uint32, flags: uint32 });
export type fuse_notify_inval_entry_out = Infer<typeof fuse_notify_inval_entry_out>;
