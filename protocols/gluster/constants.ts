/**
 * The numbers of GlusterFS's programs, as GlusterFS 10 uses them. GlusterFS has no RFC: the names are those of its
 * `rpc/xdr/src/*.x` and `rpc/rpc-lib/src/protocol-common.h`, without their prefixes where a table stands for these.
 */

export const GLUSTER_DUMP = { prog: 123451501, vers: 1 } as const;
/** Spoken by glusterd (GETSPEC) and by bricks (SETVOLUME). */
export const GLUSTER_HNDSK = { prog: 14398633, vers: 2 } as const;
/** Tells the ports of bricks; spoken by glusterd. */
export const GLUSTER_PMAP = { prog: 34123456, vers: 1 } as const;
/** Questions of the command line; spoken by glusterd. */
export const GLUSTER_CLI = { prog: 1238463, vers: 2 } as const;
/** The fops of GlusterFS 4 and later; spoken by bricks. */
export const GLUSTER_FOP4 = { prog: 1298437, vers: 400 } as const;
/** Calls from glusterd and bricks to their clients, on the connection of the client. They are not answered. */
export const GLUSTER_CBK = { prog: 52743234, vers: 1 } as const;

/** The port of glusterd. */
export const GLUSTERD_PORT = 24007;

/** The procedures of {@link GLUSTER_CBK}. */
export const CBK = {
  FETCHSPEC: 1,
  INO_FLUSH: 2,
  EVENT_NOTIFY: 3,
  GET_SNAPS: 4,
  CACHE_INVALIDATION: 5,
  CHILD_UP: 6,
  CHILD_DOWN: 7,
  RECALL_LEASE: 8,
  STATEDUMP: 9,
  INODELK_CONTENTION: 10,
  ENTRYLK_CONTENTION: 11,
} as const;

/** What a CACHE_INVALIDATION says has changed. */
export const UP = {
  NLINK: 0x1,
  MODE: 0x2,
  OWN: 0x4,
  SIZE: 0x8,
  TIMES: 0x10,
  ATIME: 0x20,
  PERM: 0x40,
  RENAME_FLAGS: 0x80,
  FORGET: 0x100,
  PARENT_TIMES: 0x200,
  XATTR: 0x400,
  XATTR_RM: 0x800,
  EXPLICIT_LOOKUP: 0x1000,
  INVAL: 0x2000,
} as const;

/** The types of the values of a dict in {@link GLUSTER_FOP4}. */
export const GF_DATA_TYPE = {
  STR_OLD: 1,
  INT: 2,
  UINT: 3,
  DOUBLE: 4,
  STR: 5,
  PTR: 6,
  GFUUID: 7,
  IATT: 8,
  MDATA: 9,
} as const;
export type GF_DATA_TYPE = (typeof GF_DATA_TYPE)[keyof typeof GF_DATA_TYPE];

/** The attributes that SETATTR sets. The size is not among them: a brick ignores it. */
export const GF_SET_ATTR = { MODE: 0x1, UID: 0x2, GID: 0x4, ATIME: 0x10, MTIME: 0x20, CTIME: 0x40 } as const;

/** How XATTROP changes a value: words of 32 or of 64 bits are added to it. */
export const GF_XATTROP = { ADD_ARRAY: 0, ADD_ARRAY64: 1 } as const;

/** The commands of LK, INODELK and FINODELK. GETLK is for LK only. */
export const GF_LK = { GETLK: 0, SETLK: 1, SETLKW: 2 } as const;
/** The types of locks; entry locks know the first two. */
export const GF_LK_TYPE = { RDLCK: 0, WRLCK: 1, UNLCK: 2 } as const;
/** The commands of ENTRYLK and FENTRYLK. */
export const ENTRYLK = { LOCK: 0, UNLOCK: 1, LOCK_NB: 2 } as const;

/** How SEEK searches. */
export const GF_SEEK = { DATA: 0, HOLE: 1 } as const;

// Bounds. GlusterFS has none; these are above what it sends.

/** Linux's PATH_MAX: targets of symbolic links, paths of bricks. */
export const PATH_BYTES_MAX = 4096;
/** Linux's NAME_MAX is 255. A longer name must reach a brick, which answers ENAMETOOLONG. */
export const NAME_BYTES_MAX = 4096;
/** Names of volumes, programs and lock domains, and the owners of locks. */
export const WORD_BYTES_MAX = 1024;
/** A volfile takes about 1 KiB for each brick. */
export const SPEC_BYTES_MAX = 16 * 1024 * 1024;
/** Names of xattrs have at most 255 bytes on Linux, but the keys of virtual ones contain names of files. */
export const KEY_BYTES_MAX = 8192;
/** A value may be the whole of a small file (`glusterfs.content`). */
export const VALUE_BYTES_MAX = 16 * 1024 * 1024;
export const PAIRS_MAX = 65536;
export const ENTRIES_MAX = 65536;
export const GROUPS_MAX = 65536;
/** SHA-256 has 32 bytes. */
export const CHECKSUM_BYTES_MAX = 64;
