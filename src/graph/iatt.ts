/** An inode's attributes, as they pass through the graph. */
import { S_ISGID, S_ISUID, S_IXGRP } from '../sys/constants.ts';
import type { Note } from './note.ts';

/** The file types, with the numbers of NFS's ftype3 (RFC 1813, 2.5). */
export const FileType = { REG: 1, DIR: 2, BLK: 3, CHR: 4, LNK: 5, SOCK: 6, FIFO: 7 } as const;
export type FileType = (typeof FileType)[keyof typeof FileType];

/**
 * Whether data written to an object of this type is stored in its file system, which is not so for fifos, sockets and
 * devices.
 */
export const isStored = (type: FileType): boolean =>
  type === FileType.REG || type === FileType.DIR || type === FileType.LNK;

export interface Iatt {
  /** 16 bytes that stay valid for as long as the iatt is kept. */
  readonly gfid: Buffer;
  readonly type: FileType;
  /** The permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** The size in bytes. */
  readonly size: number;
  /** The bytes that are allocated on the disk. */
  readonly used: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Identifies the file system of the object; it differs where an export crosses into another file system. */
  readonly fsid: bigint;
  readonly ino: bigint;
  /** Seconds since 1970 (negative before) and nanoseconds, each. */
  readonly atime: number;
  readonly atimeNsec: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  readonly ctime: number;
  readonly ctimeNsec: number;
  /**
   * What the brick needs, beside the gfid, to find the object again when its inode is no longer in the table: at most
   * {@link HINT_MAX} bytes, which travel in the file handle. Absent if the gfid is enough.
   */
  readonly hint?: Buffer;
  /**
   * A cell that the brick keeps with the object, in which a layer above can cache what it derives from the gfid. Absent if
   * the brick keeps none.
   */
  readonly memo?: Memo;
  /** What layers keep of the object: put into `inode.slots` once the object has its inode. */
  readonly notes?: Note;
}

/**
 * See {@link Iatt.memo}. A brick keeps one for each object that it remembers, so it has room for one layer, 40 bytes
 * altogether: an array by slots would take 80 bytes or more. If several layers use it, the last one replaces the value.
 */
export class Memo {
  /** The `Xlator.slot` of the layer that has stored `value`; -1 if there is none. */
  slot = -1;
  value: unknown = undefined;
}

/** How many bytes of a file handle are left for the brick: see `src/xlators/nfs/server/handle.ts`. */
export const HINT_MAX = 24;

/** The attributes of an object before and after a change, for `wcc_data` (RFC 1813, 2.6). */
export interface Wcc {
  readonly before: Iatt | undefined;
  readonly after: Iatt | undefined;
}

/** Whether a time, in seconds and nanoseconds, is later than another one. */
export const isLater = (sec: number, nsec: number, thanSec: number, thanNsec: number): boolean =>
  sec > thanSec || (sec === thanSec && nsec > thanNsec);

/** The set-id bits of a mode, which a change of the data clears. A setgid bit without execution by the group is none. */
export const setIdOf = (mode: number): number => mode & (S_ISUID | ((mode & S_IXGRP) === 0 ? 0 : S_ISGID));
