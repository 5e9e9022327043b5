/**
 * The file operations ("fops") that pass down the graph, GlusterFS's own. Each takes a frame and inodes or fds, never
 * paths; names are latin1 strings, one character a byte. Each returns a promise and throws errors that carry an errno
 * ({@link FsError} or Node's). A fop that changes something answers with the attributes before and after; when it
 * fails, it throws a {@link FopError} with what is known of them.
 */
import { type Errno, FsError } from '../errno.ts';
import type { Inode } from '../inode/inode.ts';
import type { Fd } from './fd.ts';
import type { Frame } from './frame.ts';
import type { Iatt, Wcc } from './iatt.ts';

/** Attributes to set; what is absent stays. `'now'` is the server's clock. */
export interface SetAttr {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Time | 'now';
  mtime?: Time | 'now';
}

/** Seconds since 1970 and nanoseconds. */
export interface Time {
  readonly sec: number;
  readonly nsec: number;
}

export interface Found {
  readonly iatt: Iatt;
  /** The directory's, after the fop. */
  readonly parent: Iatt;
}

export interface Made {
  readonly iatt: Iatt;
  readonly parent: Wcc;
}

export interface Removed {
  readonly parent: Wcc;
  /** The gfid of the object if this was its last name, as far as the brick can tell. */
  readonly gone?: Buffer | undefined;
}

export interface Renamed {
  readonly from: Wcc;
  readonly to: Wcc;
  /** As with {@link Removed}, of what had the new name. */
  readonly gone?: Buffer | undefined;
}

export interface ReadReply {
  /** The bytes read, fewer than asked only at the end of the file. */
  readonly data: Buffer;
  readonly eof: boolean;
  readonly iatt: Iatt;
  /** Called once when `data` has been sent and may be used for something else. */
  readonly release?: () => void;
}

/** RFC 1813, 3.3.7: how durable a write must be when it is answered. */
export const Stable = { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 } as const;
export type Stable = (typeof Stable)[keyof typeof Stable];

export interface Written extends Wcc {
  readonly count: number;
  readonly stable: Stable;
}

export interface Dirent {
  readonly name: string;
  readonly ino: bigint;
  /** Where to go on behind this entry. 63 bits, stable across restarts and changes of the directory. */
  readonly cookie: bigint;
  /** With readdirp, if the entry could still be read. Absent for `..` of the volume's root. */
  readonly iatt?: Iatt;
}

export interface DirList {
  readonly entries: readonly Dirent[];
  readonly eof: boolean;
  /** The directory's. */
  readonly iatt: Iatt;
}

/** Bytes and inodes of the file system an object is on, and its limits. */
export interface Statfs {
  readonly bytesTotal: number;
  readonly bytesFree: number;
  /** Free for the caller. */
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

/** access(2)'s mask. */
export const Access = { READ: 4, WRITE: 2, EXECUTE: 1 } as const;

/** How to create: RFC 1813, 3.3.8. Exclusive keeps `verifier` (8 bytes) so that a repeat of the call succeeds. */
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

/** Values by name; names are latin1. */
export type Xattrs = ReadonlyMap<string, Buffer>;

/** What an entry counts of a listing's `size`: about its bytes in an NFS reply, with attributes and a handle if they are known. */
export const direntBytes = (nameBytes: number, hasIatt: boolean): number =>
  ((nameBytes + 3) & ~3) + (hasIatt ? 152 : 24);

export interface Fops {
  /** The object called `name` in `parent`; `..` is the parent's parent (the root's is itself), `.` is itself. */
  lookup(frame: Frame, parent: Inode, name: string): Promise<Found>;
  /** The object of that gfid, for a handle that nobody remembers. ESTALE when it is gone. */
  discover(frame: Frame, gfid: Buffer, hint: Buffer | undefined): Promise<Iatt>;
  stat(frame: Frame, inode: Inode): Promise<Iatt>;
  fstat(frame: Frame, fd: Fd): Promise<Iatt>;
  /** The target as latin1. */
  readlink(frame: Frame, inode: Inode): Promise<{ target: string; iatt: Iatt }>;
  /** Which bits of `mask` ({@link Access}) the caller has. */
  access(frame: Frame, inode: Inode, mask: number): Promise<{ granted: number; iatt: Iatt }>;

  /** A device, socket or fifo; `type` is one of iatt's. */
  mknod(frame: Frame, parent: Inode, name: string, type: number, attr: SetAttr, device: Device): Promise<Made>;
  mkdir(frame: Frame, parent: Inode, name: string, attr: SetAttr): Promise<Made>;
  symlink(frame: Frame, parent: Inode, name: string, target: string, attr: SetAttr): Promise<Made>;
  create(frame: Frame, parent: Inode, name: string, how: CreateHow): Promise<Made>;
  link(frame: Frame, inode: Inode, parent: Inode, name: string): Promise<Made>;
  unlink(frame: Frame, parent: Inode, name: string): Promise<Removed>;
  rmdir(frame: Frame, parent: Inode, name: string): Promise<Removed>;
  rename(frame: Frame, from: Inode, fromName: string, to: Inode, toName: string): Promise<Renamed>;

  /** With `guard`, only if the object's ctime is that one: EAGAIN otherwise (NFS3ERR_NOT_SYNC). */
  setattr(frame: Frame, inode: Inode, attr: SetAttr, guard?: Time): Promise<Wcc>;
  fsetattr(frame: Frame, fd: Fd, attr: SetAttr): Promise<Wcc>;
  truncate(frame: Frame, inode: Inode, size: number): Promise<Wcc>;
  ftruncate(frame: Frame, fd: Fd, size: number): Promise<Wcc>;

  open(frame: Frame, inode: Inode, flags: number): Promise<Fd>;
  readv(frame: Frame, fd: Fd, size: number, offset: number): Promise<ReadReply>;
  /** `data` is the caller's again once this is answered. */
  writev(frame: Frame, fd: Fd, data: Buffer, offset: number, stable: Stable): Promise<Written>;
  flush(frame: Frame, fd: Fd): Promise<void>;
  /** Makes what was written to the inode durable, by whomever; ENOSPC, EDQUOT and EIO of earlier writes come here. */
  fsync(frame: Frame, fd: Fd, dataOnly: boolean): Promise<Wcc>;
  fallocate(frame: Frame, fd: Fd, mode: number, offset: number, length: number): Promise<Wcc>;
  discard(frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc>;
  zerofill(frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc>;
  /** Where data (or a hole) next begins at or after `offset`; ENXIO past the end. */
  seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole'): Promise<number>;

  opendir(frame: Frame, inode: Inode): Promise<Fd>;
  /**
   * Entries behind `cookie` (0n: from the start), `.` and `..` among them: at most `size` bytes as {@link direntBytes}
   * counts them, but at least one.
   */
  readdir(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList>;
  readdirp(frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList>;
  fsyncdir(frame: Frame, fd: Fd, dataOnly: boolean): Promise<void>;

  statfs(frame: Frame, inode: Inode): Promise<Statfs>;

  /** All values when `name` is absent. */
  getxattr(frame: Frame, inode: Inode, name?: string): Promise<Xattrs>;
  fgetxattr(frame: Frame, fd: Fd, name?: string): Promise<Xattrs>;
  /** `flags` as setxattr(2): 1 create, 2 replace. */
  setxattr(frame: Frame, inode: Inode, xattrs: Xattrs, flags: number): Promise<void>;
  fsetxattr(frame: Frame, fd: Fd, xattrs: Xattrs, flags: number): Promise<void>;
  removexattr(frame: Frame, inode: Inode, name: string): Promise<void>;
  fremovexattr(frame: Frame, fd: Fd, name: string): Promise<void>;
  /** Adds arrays of big-endian 32-bit (or 64-bit) counters to xattrs, atomically; answers with the sums. */
  xattrop(frame: Frame, inode: Inode, op: 'add32' | 'add64', xattrs: Xattrs): Promise<Xattrs>;
  fxattrop(frame: Frame, fd: Fd, op: 'add32' | 'add64', xattrs: Xattrs): Promise<Xattrs>;

  /** Locks of clients among clusters' xlators: `domain` tells the xlator, `owner` is the frame's lkOwner. */
  inodelk(frame: Frame, domain: string, inode: Inode, lock: Flock, wait: boolean): Promise<void>;
  finodelk(frame: Frame, domain: string, fd: Fd, lock: Flock, wait: boolean): Promise<void>;
  entrylk(frame: Frame, domain: string, inode: Inode, name: string | undefined, type: Flock['type']): Promise<void>;
  fentrylk(frame: Frame, domain: string, fd: Fd, name: string | undefined, type: Flock['type']): Promise<void>;
  lk(frame: Frame, fd: Fd, command: 'get' | 'set' | 'wait', lock: Flock): Promise<Flock>;
}

export type Fop = keyof Fops;

/** A fop failed, and this is what the objects it would have changed looked like: `wcc_data` also on failures. */
export class FopError extends FsError {
  override name = 'FopError';
  /** Of the inode or parent; for rename, of the directory it moves from. */
  readonly wcc: Wcc;
  /** For rename: of the directory it moves to. */
  readonly toWcc: Wcc | undefined;

  constructor(code: Errno, message: string, wcc: Wcc, toWcc?: Wcc) {
    super(code, message);
    this.wcc = wcc;
    this.toWcc = toWcc;
  }
}
