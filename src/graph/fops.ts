/**
 * The file operations ("fops") that pass down the graph. They are GlusterFS's. Each takes a frame and inodes or fds,
 * never paths; names are latin1 strings with one character per byte. Each returns a promise, which rejects with an
 * error that carries an errno ({@link FsError} or one of Node's). A fop that changes something answers with the
 * attributes before and after the change; if it fails, it throws a {@link FopError} with what is known of them.
 */
import { type Errno, FsError } from '../errno.ts';
import type { Fd, Inode } from './inode.ts';
import type { Frame } from './frame.ts';
import type { Iatt, Wcc } from './iatt.ts';

/** The attributes to set; absent ones stay as they are. `'now'` is the time of the server's clock. */
export interface SetAttr {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Time | 'now';
  mtime?: Time | 'now';
}

/** A point in time: seconds since 1970, and nanoseconds. */
export interface Time {
  readonly sec: number;
  readonly nsec: number;
}

export interface Found {
  readonly iatt: Iatt;
  /** The attributes of the directory after the fop. */
  readonly parent: Iatt;
}

export interface Made {
  readonly iatt: Iatt;
  readonly parent: Wcc;
}

export interface Removed {
  readonly parent: Wcc;
  /** The gfid of the removed object if, as far as the brick can tell, this was its last name. */
  readonly gone?: Buffer | undefined;
}

export interface Renamed {
  readonly from: Wcc;
  readonly to: Wcc;
  /** The gfid of the object that had the new name, if that was its last name (as in {@link Removed}). */
  readonly gone?: Buffer | undefined;
}

export interface ReadReply {
  /** The bytes read; fewer than asked for only at the end of the file. */
  readonly data: Buffer;
  readonly eof: boolean;
  readonly iatt: Iatt;
  /** To be called once when `data` has been sent, so that its buffer can be reused. */
  readonly release?: () => void;
}

/** How durable a write must be when it is answered (RFC 1813, 3.3.7). */
export const Stable = { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 } as const;
export type Stable = (typeof Stable)[keyof typeof Stable];

export interface Written extends Wcc {
  readonly count: number;
  readonly stable: Stable;
}

export interface Dirent {
  readonly name: string;
  readonly ino: bigint;
  /**
   * The position from which a listing continues after this entry: 63 bits, stable across restarts and changes of the
   * directory.
   */
  readonly cookie: bigint;
  /** Set by readdirp if the entry could still be read. Absent for `..` of the volume's root. */
  readonly iatt?: Iatt;
}

export interface DirList {
  readonly entries: readonly Dirent[];
  readonly eof: boolean;
  /** The attributes of the directory. */
  readonly iatt: Iatt;
}

/** The bytes, inodes and limits of the file system that an object is on. */
export interface Statfs {
  readonly bytesTotal: number;
  readonly bytesFree: number;
  /** Bytes that the caller can still use. */
  readonly bytesAvailable: number;
  readonly filesTotal: number;
  readonly filesFree: number;
  readonly filesAvailable: number;
  readonly nameMax: number;
  readonly linkMax: number;
  readonly fileSizeMax: number;
  /** Nanoseconds. */
  readonly timeGranularity: number;
  readonly caseInsensitive: boolean;
  readonly readOnly: boolean;
}

/** The bits of the mask of access(2). */
export const Access = { READ: 4, WRITE: 2, EXECUTE: 1 } as const;

/**
 * How a file is created (RFC 1813, 3.3.8). If the file exists, `unchecked` sets only its size; any other existing
 * object is answered unchanged, as with knfsd. `exclusive` stores `verifier` (8 bytes), so that a repetition of the
 * call succeeds.
 */
export type CreateHow =
  | { readonly mode: 'unchecked'; readonly attr: SetAttr }
  | { readonly mode: 'guarded'; readonly attr: SetAttr }
  | { readonly mode: 'exclusive'; readonly verifier: Buffer };

export interface Device {
  readonly major: number;
  readonly minor: number;
}

/** A byte-range lock (fcntl(2)); `end` is Infinity for "to the end of the file". */
export interface Flock {
  readonly type: 'read' | 'write' | 'unlock';
  readonly start: number;
  readonly end: number;
}

/** The values of extended attributes by their latin1 names. */
export type Xattrs = ReadonlyMap<string, Buffer>;

/**
 * How many bytes of a listing's `size` an entry takes: about its size in an NFS reply, with attributes and a handle if
 * they are known.
 */
export const direntBytes = (nameBytes: number, hasIatt: boolean): number =>
  ((nameBytes + 3) & ~3) + (hasIatt ? 152 : 24);

export interface Fops {
  /**
   * Finds the object called `name` in `parent`. `.` is `parent` itself, `..` its parent; the root is its own parent.
   */
  lookup(frame: Frame, parent: Inode, name: string): Promise<Found>;
  /** Finds the object with this gfid, for a handle whose inode is not in the table. ESTALE if it no longer exists. */
  discover(frame: Frame, gfid: Buffer, hint: Buffer | undefined): Promise<Iatt>;
  stat(frame: Frame, inode: Inode): Promise<Iatt>;
  fstat(frame: Frame, fd: Fd): Promise<Iatt>;
  /** The target of a symbolic link, as latin1. */
  readlink(frame: Frame, inode: Inode): Promise<{ target: string; iatt: Iatt }>;
  /** The bits of `mask` ({@link Access}) that the caller is granted. */
  access(frame: Frame, inode: Inode, mask: number): Promise<{ granted: number; iatt: Iatt }>;

  /** Makes a device, socket or fifo. */
  mknod(frame: Frame, parent: Inode, name: string, type: number, attr: SetAttr, device: Device): Promise<Made>;
  mkdir(frame: Frame, parent: Inode, name: string, attr: SetAttr): Promise<Made>;
  symlink(frame: Frame, parent: Inode, name: string, target: string, attr: SetAttr): Promise<Made>;
  create(frame: Frame, parent: Inode, name: string, how: CreateHow): Promise<Made>;
  link(frame: Frame, inode: Inode, parent: Inode, name: string): Promise<Made>;
  unlink(frame: Frame, parent: Inode, name: string): Promise<Removed>;
  rmdir(frame: Frame, parent: Inode, name: string): Promise<Removed>;
  rename(frame: Frame, from: Inode, fromName: string, to: Inode, toName: string): Promise<Renamed>;

  /** Sets attributes. With `guard` only if the ctime of the object equals it, otherwise EAGAIN (NFS3ERR_NOT_SYNC). */
  setattr(frame: Frame, inode: Inode, attr: SetAttr, guard?: Time): Promise<Wcc>;
  fsetattr(frame: Frame, fd: Fd, attr: SetAttr): Promise<Wcc>;
  truncate(frame: Frame, inode: Inode, size: number): Promise<Wcc>;
  ftruncate(frame: Frame, fd: Fd, size: number): Promise<Wcc>;

  open(frame: Frame, inode: Inode, flags: number): Promise<Fd>;
  readv(frame: Frame, fd: Fd, size: number, offset: number): Promise<ReadReply>;
  /** Writes `data`, whose buffer belongs to the caller again once this is answered. */
  writev(frame: Frame, fd: Fd, data: Buffer, offset: number, stable: Stable): Promise<Written>;
  flush(frame: Frame, fd: Fd): Promise<void>;
  /**
   * Makes everything durable that any caller has written to the inode. ENOSPC, EDQUOT and EIO of earlier writes are
   * reported here.
   */
  fsync(frame: Frame, fd: Fd, dataOnly: boolean): Promise<Wcc>;
  fallocate(frame: Frame, fd: Fd, mode: number, offset: number, length: number): Promise<Wcc>;
  discard(frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc>;
  zerofill(frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc>;
  /** The offset, at or after `offset`, at which data (or a hole) begins next. ENXIO past the end. */
  seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole'): Promise<number>;

  opendir(frame: Frame, inode: Inode): Promise<Fd>;
  /**
   * Lists the entries after `cookie` (0n: from the start), including `.` and `..`: at most `size` bytes as
   * {@link direntBytes} counts them, but at least one entry.
   */
  readdir(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList>;
  readdirp(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList>;
  fsyncdir(frame: Frame, fd: Fd, dataOnly: boolean): Promise<void>;

  statfs(frame: Frame, inode: Inode): Promise<Statfs>;

  /** The value of `name`, or all values if `name` is absent. */
  getxattr(frame: Frame, inode: Inode, name?: string): Promise<Xattrs>;
  fgetxattr(frame: Frame, fd: Fd, name?: string): Promise<Xattrs>;
  /** Sets extended attributes; `flags` as for setxattr(2): 1 create, 2 replace. */
  setxattr(frame: Frame, inode: Inode, xattrs: Xattrs, flags: number): Promise<void>;
  fsetxattr(frame: Frame, fd: Fd, xattrs: Xattrs, flags: number): Promise<void>;
  removexattr(frame: Frame, inode: Inode, name: string): Promise<void>;
  fremovexattr(frame: Frame, fd: Fd, name: string): Promise<void>;
  /**
   * Adds arrays of big-endian 32-bit (or 64-bit) counters to extended attributes atomically, and answers with the sums.
   */
  xattrop(frame: Frame, inode: Inode, op: 'add32' | 'add64', xattrs: Xattrs): Promise<Xattrs>;
  fxattrop(frame: Frame, fd: Fd, op: 'add32' | 'add64', xattrs: Xattrs): Promise<Xattrs>;

  /** Internal locks of cluster xlators: `domain` names the xlator; the owner is the lkOwner of the frame. */
  inodelk(frame: Frame, domain: string, inode: Inode, lock: Flock, wait: boolean): Promise<void>;
  finodelk(frame: Frame, domain: string, fd: Fd, lock: Flock, wait: boolean): Promise<void>;
  entrylk(frame: Frame, domain: string, inode: Inode, name: string | undefined, type: Flock['type']): Promise<void>;
  fentrylk(frame: Frame, domain: string, fd: Fd, name: string | undefined, type: Flock['type']): Promise<void>;
  lk(frame: Frame, fd: Fd, command: 'get' | 'set' | 'wait', lock: Flock): Promise<Flock>;
}

export type Fop = keyof Fops;

/**
 * The failure of a fop, with the attributes of the objects that it would have changed, so that failures can carry
 * `wcc_data` too.
 */
export class FopError extends FsError {
  override name = 'FopError';
  /** The attributes of the inode or of the parent; for rename, those of the source directory. */
  readonly wcc: Wcc;
  /** For rename, the attributes of the target directory. */
  readonly toWcc: Wcc | undefined;

  constructor(code: Errno, message: string, wcc: Wcc, toWcc?: Wcc) {
    super(code, message);
    this.wcc = wcc;
    this.toWcc = toWcc;
  }
}
