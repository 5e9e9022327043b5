/** The numbers of the FUSE protocol (linux/fuse.h, 7.45). */

/** The version that is spoken here. A kernel that speaks an older minor version is answered in that. */
export const KERNEL_VERSION = { major: 7, minor: 38 } as const;
/** The oldest minor version whose structures are those declared here. */
export const MINOR_MIN = 31;

/** The number of the root's node. */
export const ROOT_ID = 1;

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  GETLK: 31,
  SETLK: 32,
  SETLKW: 33,
  ACCESS: 34,
  CREATE: 35,
  INTERRUPT: 36,
  BMAP: 37,
  DESTROY: 38,
  IOCTL: 39,
  POLL: 40,
  NOTIFY_REPLY: 41,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
  LSEEK: 46,
  COPY_FILE_RANGE: 47,
  SETUPMAPPING: 48,
  REMOVEMAPPING: 49,
  SYNCFS: 50,
  TMPFILE: 51,
  STATX: 52,
} as const;
export type Opcode = (typeof Opcode)[keyof typeof Opcode];

/** The flags of INIT: what the kernel can do, and in the answer what it is to do. Those above bit 31 are in `flags2`. */
export const InitFlag = {
  ASYNC_READ: 1 << 0,
  POSIX_LOCKS: 1 << 1,
  BIG_WRITES: 1 << 5,
  DONT_MASK: 1 << 6,
  FLOCK_LOCKS: 1 << 10,
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  PARALLEL_DIROPS: 1 << 18,
  POSIX_ACL: 1 << 20,
  MAX_PAGES: 1 << 22,
  HANDLE_KILLPRIV_V2: 1 << 28,
} as const;

/** Which fields of SETATTR are set. */
export const SetattrValid = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  FH: 1 << 6,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
  LOCKOWNER: 1 << 9,
  CTIME: 1 << 10,
  KILL_SUIDGID: 1 << 11,
} as const;

/** What the kernel is told without having asked. */
export const Notify = { INVAL_INODE: 2, INVAL_ENTRY: 3 } as const;

/** The flag of INVAL_ENTRY: the kernel asks for the name again, and keeps it if it leads to the same node. Since 7.38. */
export const EXPIRE_ONLY = 1 << 0;

/** The flags of GETATTR. */
export const GetattrFlag = { FH: 1 } as const;
/** The flags of WRITE. */
export const WriteFlag = { CACHE: 1, LOCKOWNER: 2, KILL_SUIDGID: 4 } as const;
/** The flags of FSYNC and FSYNCDIR. */
export const FsyncFlag = { DATASYNC: 1 } as const;
/** The flags of RELEASE. */
export const ReleaseFlag = { FLUSH: 1, FLOCK_UNLOCK: 2 } as const;
/** The flags of GETLK, SETLK and SETLKW. */
export const LockFlag = { FLOCK: 1 } as const;
/** What the kernel does with an open file. */
export const OpenFlag = { DIRECT_IO: 1, KEEP_CACHE: 2, CACHE_DIR: 8 } as const;
