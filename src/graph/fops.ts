/**
 * The file operations ("fops") that pass down the graph. They are GlusterFS's. Each takes a frame and inodes or fds,
 * never paths; names are latin1 strings with one character per byte. Each returns a promise, which rejects with an
 * error that carries an errno ({@link FsError} or one of Node's). A fop that changes something answers with the
 * attributes before and after the change; if it fails, it throws a {@link FopError} with what is known of them. The last
 * argument of each fop is its {@link Xdata}, which most calls leave out.
 */
import type { Frame } from './frame.ts';
import type { Flock, LockType } from './fops/locks.ts';
import type {
  AccessReply,
  DirList,
  Found,
  Made,
  Opened,
  ReadlinkReply,
  ReadReply,
  Removed,
  Renamed,
  Statfs,
  StatReply,
  WccReply,
  Written,
} from './fops/replies.ts';
import type { CreateHow, Device, NewAttr, SetAttr, Stable, Time, Xattrs } from './fops/requests.ts';
import type { FileType } from './iatt.ts';
import type { Fd, Inode } from './inode.ts';
import type { Xdata } from './fops/xdata.ts';

export { FopError } from './fops/fop-error.ts';
export type * from './fops/locks.ts';
export * from './fops/replies.ts';
export * from './fops/requests.ts';
export type { Xdata, XdataValue } from './fops/xdata.ts';

export interface Fops {
  /**
   * Finds the object called `name` in `parent`. `.` is `parent` itself, `..` its parent; the root is its own parent.
   */
  lookup(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Found>;
  /** Finds the object with this gfid, for a handle whose inode is not in the table. ESTALE if it no longer exists. */
  discover(frame: Frame, gfid: Buffer, hint: Buffer | undefined, xdata?: Xdata): Promise<Found>;
  stat(frame: Frame, inode: Inode, xdata?: Xdata): Promise<StatReply>;
  fstat(frame: Frame, fd: Fd, xdata?: Xdata): Promise<StatReply>;
  /** Answers with the target of a symbolic link. */
  readlink(frame: Frame, inode: Inode, xdata?: Xdata): Promise<ReadlinkReply>;
  /** Answers with those bits of `mask` ({@link Access}) that the caller is granted. */
  access(frame: Frame, inode: Inode, mask: number, xdata?: Xdata): Promise<AccessReply>;

  /** Makes a regular file, device, socket or fifo. */
  mknod(
    frame: Frame,
    parent: Inode,
    name: string,
    type: FileType,
    attr: NewAttr,
    device: Device,
    xdata?: Xdata,
  ): Promise<Made>;
  mkdir(frame: Frame, parent: Inode, name: string, attr: NewAttr, xdata?: Xdata): Promise<Made>;
  symlink(frame: Frame, parent: Inode, name: string, target: string, attr: NewAttr, xdata?: Xdata): Promise<Made>;
  /**
   * Creates a file. With `flags` of open(2) it is open afterwards, as after {@link open} (`made.opened`); an existing
   * file is opened only if the caller may do so, and with O_EXCL not at all unless `how` finds its own verifier.
   */
  create(frame: Frame, parent: Inode, name: string, how: CreateHow, flags?: number, xdata?: Xdata): Promise<Made>;
  link(frame: Frame, inode: Inode, parent: Inode, name: string, xdata?: Xdata): Promise<Made>;
  unlink(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed>;
  rmdir(frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed>;
  /** Renames as renameat2(2) does; `flags` are of {@link RenameFlag}. */
  rename(
    frame: Frame,
    from: Inode,
    fromName: string,
    to: Inode,
    toName: string,
    flags?: number,
    xdata?: Xdata,
  ): Promise<Renamed>;

  /** Sets attributes. With `guard` only if the ctime of the object equals it, otherwise EAGAIN (NFS3ERR_NOT_SYNC). */
  setattr(frame: Frame, inode: Inode, attr: SetAttr, guard?: Time, xdata?: Xdata): Promise<WccReply>;
  fsetattr(frame: Frame, fd: Fd, attr: SetAttr, xdata?: Xdata): Promise<WccReply>;
  truncate(frame: Frame, inode: Inode, size: number, xdata?: Xdata): Promise<WccReply>;
  ftruncate(frame: Frame, fd: Fd, size: number, xdata?: Xdata): Promise<WccReply>;

  /** Opens a file with flags of open(2). The caller makes the fd: `new Fd(inode, flags, opened.notes)`. */
  open(frame: Frame, inode: Inode, flags: number, xdata?: Xdata): Promise<Opened>;
  readv(frame: Frame, fd: Fd, size: number, offset: number, xdata?: Xdata): Promise<ReadReply>;
  /** Writes `data`, whose buffer belongs to the caller again once this is answered. */
  writev(frame: Frame, fd: Fd, data: Buffer, offset: number, stable: Stable, xdata?: Xdata): Promise<Written>;
  /**
   * What close(2) asks for: a layer that keeps writes back makes them now, and the locks that the frame's owner has by
   * `lk` are given up.
   */
  flush(frame: Frame, fd: Fd, xdata?: Xdata): Promise<void>;
  /**
   * Makes everything durable that any caller has written to the inode. ENOSPC, EDQUOT and EIO of earlier writes are
   * reported here.
   */
  fsync(frame: Frame, fd: Fd, dataOnly: boolean, xdata?: Xdata): Promise<WccReply>;
  fallocate(frame: Frame, fd: Fd, mode: number, offset: number, length: number, xdata?: Xdata): Promise<WccReply>;
  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply>;
  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply>;
  /** Answers with the offset, at or after `offset`, at which data (or a hole) begins next. ENXIO past the end. */
  seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole', xdata?: Xdata): Promise<number>;

  /** Opens a directory. The caller makes the fd: `new Fd(inode, 0, opened.notes)`. */
  opendir(frame: Frame, inode: Inode, xdata?: Xdata): Promise<Opened>;
  /**
   * Lists the entries after `cookie` (0n: from the start), including `.` and `..`: at most `size` bytes as
   * {@link direntBytes} counts them, but at least one entry.
   */
  readdir(frame: Frame, fd: Fd, size: number, cookie: bigint, xdata?: Xdata): Promise<DirList>;
  readdirp(frame: Frame, fd: Fd, size: number, cookie: bigint, xdata?: Xdata): Promise<DirList>;
  fsyncdir(frame: Frame, fd: Fd, dataOnly: boolean, xdata?: Xdata): Promise<void>;

  statfs(frame: Frame, inode: Inode, xdata?: Xdata): Promise<Statfs>;

  /** Answers with the value of `name`, or with all values if `name` is absent. */
  getxattr(frame: Frame, inode: Inode, name?: string, xdata?: Xdata): Promise<Xattrs>;
  fgetxattr(frame: Frame, fd: Fd, name?: string, xdata?: Xdata): Promise<Xattrs>;
  /** Sets extended attributes; `flags` as for setxattr(2): 1 create, 2 replace. */
  setxattr(frame: Frame, inode: Inode, xattrs: Xattrs, flags: number, xdata?: Xdata): Promise<void>;
  fsetxattr(frame: Frame, fd: Fd, xattrs: Xattrs, flags: number, xdata?: Xdata): Promise<void>;
  removexattr(frame: Frame, inode: Inode, name: string, xdata?: Xdata): Promise<void>;
  fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Xdata): Promise<void>;
  /**
   * Adds arrays of big-endian 32-bit (or 64-bit) counters to extended attributes atomically, and answers with the sums.
   */
  xattrop(frame: Frame, inode: Inode, op: 'add32' | 'add64', xattrs: Xattrs, xdata?: Xdata): Promise<Xattrs>;
  fxattrop(frame: Frame, fd: Fd, op: 'add32' | 'add64', xattrs: Xattrs, xdata?: Xdata): Promise<Xattrs>;

  /**
   * Locks a range of a file for a cluster xlator, which `domain` names; the owner is the frame's `lkOwner`. Without
   * `wait` it is EAGAIN if another owner's lock is in the way; a lock that is waited for is given up (EINTR) when the
   * frame's `signal` is aborted.
   */
  inodelk(frame: Frame, domain: string, inode: Inode, lock: Flock, wait: boolean, xdata?: Xdata): Promise<void>;
  finodelk(frame: Frame, domain: string, fd: Fd, lock: Flock, wait: boolean, xdata?: Xdata): Promise<void>;
  /** Like {@link inodelk}, locks a name in a directory; `undefined` stands for all names. */
  entrylk(
    frame: Frame,
    domain: string,
    inode: Inode,
    name: string | undefined,
    type: LockType,
    wait: boolean,
    xdata?: Xdata,
  ): Promise<void>;
  fentrylk(
    frame: Frame,
    domain: string,
    fd: Fd,
    name: string | undefined,
    type: LockType,
    wait: boolean,
    xdata?: Xdata,
  ): Promise<void>;
  /**
   * A client's lock (fcntl(2)). `get` answers a lock that is in the way, with its holder, or one of type `unlock` if
   * there is none. `set` and `wait` answer the lock as it was set; `set` is EAGAIN if another one is in the way, `wait`
   * waits as {@link inodelk} does.
   */
  lk(frame: Frame, fd: Fd, command: 'get' | 'set' | 'wait', lock: Flock, xdata?: Xdata): Promise<Flock>;
}

/** The name of a fop. */
export type Fop = keyof Fops;

/** The arguments of a fop. */
export type Args<F extends Fop> = Parameters<Fops[F]>;

/** What a fop returns. */
export type Reply<F extends Fop> = ReturnType<Fops[F]>;
