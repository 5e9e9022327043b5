/** Numbers of the kernel, among them those that `node:fs` and `node:os` do not name. */
import { constants } from 'node:fs';

/** The most bytes of a name in a directory (limits.h). */
export const NAME_MAX = 255;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EACCESS = 0x200;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_NO_AUTOMOUNT = 0x800;
export const AT_EMPTY_PATH = 0x1000;

export const {
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  O_CREAT,
  O_EXCL,
  O_TRUNC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_NOCTTY,
  O_APPEND,
  O_DSYNC,
  O_SYNC,
  O_DIRECT,
} = constants;
/** A flag of the kernel's own: a file is opened in order to be executed. */
export const FMODE_EXEC = 0x20;
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

export const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK } = constants;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const { S_IXGRP } = constants;

export const SEEK_SET = 0;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

export const RWF_NOWAIT = 8;

export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;
export const FALLOC_FL_ZERO_RANGE = 16;

export const UTIME_NOW = 0x3fffffff;
export const UTIME_OMIT = 0x3ffffffe;

/** The values of f_type in statfs(2). */
export const Magic = {
  EXT4: 0xef53,
  XFS: 0x58465342,
  BTRFS: 0x9123683e,
  TMPFS: 0x01021994,
  RAMFS: 0x858458f6,
  OVERLAY: 0x794c7630,
  F2FS: 0xf2f52010,
  ZFS: 0x2fc12fc1,
  NFS: 0x6969,
  MSDOS: 0x4d44,
  EXFAT: 0x2011bab0,
  NTFS3: 0x7366746e,
  FUSE: 0x65735546,
} as const;
export const ST_RDONLY = 1;
