/** An inode's attributes, as they pass through the graph. */

/** The file types, with the numbers of NFS's ftype3 (RFC 1813, 2.5). */
export const FileType = { REG: 1, DIR: 2, BLK: 3, CHR: 4, LNK: 5, SOCK: 6, FIFO: 7 } as const;
export type FileType = (typeof FileType)[keyof typeof FileType];

/** Whether what is written to it lands on its own file system: not so fifos, sockets and devices. */
export const isStored = (type: FileType): boolean =>
  type === FileType.REG || type === FileType.DIR || type === FileType.LNK;

export interface Iatt {
  /** 16 bytes; whoever keeps an iatt may keep them too. */
  readonly gfid: Buffer;
  readonly type: FileType;
  /** The permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Bytes on the disk. */
  readonly used: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** The file system that the object lives on; differs where an export crosses into another. */
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
   * What the brick needs to find the object again when nobody remembers it and the gfid does not say: at most
   * {@link HINT_MAX} bytes, carried in the file handle. Absent when the gfid is enough.
   */
  readonly hint?: Buffer;
  /** Kept by a brick with its object, for what others make of the gfid at some cost; absent if it keeps none. */
  readonly memo?: Memo;
}

/** See {@link Iatt.memo}. */
export class Memo {
  /** The file handle made last of the gfid, and of which export: see `src/xlators/nfs/server/nfs-call.ts`. */
  handle: Buffer | undefined;
  handleExport = -1;
}

/** Bytes that a file handle has left for the brick, see `src/xlators/nfs/handle.ts`. */
export const HINT_MAX = 24;

/** How an object was before a change and after it, for `wcc_data` (RFC 1813, 2.6). */
export interface Wcc {
  readonly before: Iatt | undefined;
  readonly after: Iatt | undefined;
}
