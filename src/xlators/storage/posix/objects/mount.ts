import { Magic } from '../../../../sys/constants.ts';
import { handle, openHandle, takeHandle } from '../../../../sys/files/handles.ts';
import { close } from '../../../../sys/libc.ts';
import { statfs, statfsFd } from '../../../../sys/files/statfs.ts';
import { HINTED_MAX } from './gfid.ts';
import { InoMap } from './ino-map.ts';

/** Inodes that a mount remembers by number, see {@link Mount.inodes}. */
const INODES_MAX = 65_536;

/**
 * Which of the kernel's handles are opened: none, since there is an index; those that last as long as their objects; or
 * also those that are valid only while the kernel remembers the inode, which is the best there is without an index.
 */
export type HandleUse = 'none' | 'lasting' | 'any';

/** A file system as it is mounted at or below the volume's root. `T` is the type of the objects that it remembers. */
export class Mount<T = unknown> {
  /** The number with which the gfids of its objects begin. */
  readonly tag: number;
  readonly mountId: number;
  readonly dev: number;
  /**
   * The descriptor with which handles are opened. It is open for reading, since the kernel takes no O_PATH; -1 once it
   * is closed.
   */
  fd: number;
  /** For `Iatt.fsid`: the file system's own id, which stays the same across restarts, or else the device. */
  readonly fsid: bigint;
  /** The type of the file system, f_type of statfs(2). */
  readonly type: number;
  /** The usual length of its handles in bytes; 0 if it gives none that can be used. */
  readonly handleBytes: number;
  /** Whether handles can be opened; otherwise objects are found by the index. */
  readonly byHandle: boolean;
  /**
   * Whether idle descriptors on it are closed soon, so that it can be unmounted. This is so if it is mounted below the
   * root and its objects can be found again.
   */
  readonly closesSoon: boolean;
  /**
   * Whether the mount was dropped from the table because nothing of it was in use. The kernel may have given
   * its number to another mount since.
   */
  left = false;
  /** The number of open descriptors of its objects. */
  open = 0;
  /** For how many ticks nothing of it has been open. */
  idleTicks = 0;
  /**
   * The objects by their inode numbers, so that a handle need not be asked for at each call. A number belongs to the
   * remembered object if that is held open, or if the birth time is the same and was some clock ticks ago when the
   * handle was asked for (`settled`), since a number may be used again within a tick.
   */
  readonly inodes = new InoMap<T>(INODES_MAX);
  /** Whether its listings were seen to go from new entries to old ones: see tmpfs-positions.ts. */
  listsDownwards = false;
  /** Whether preadv2(2) may be called with RWF_NOWAIT, which some file systems refuse. */
  nowait = true;
  /**
   * Whether objects have birth times. Without them an inode number alone does not tell an object from one that had the
   * number before.
   */
  readonly births: boolean;

  constructor(
    fd: number,
    id: { tag: number; mountId: number; dev: number; births: boolean; isRoot: boolean },
    handles: HandleUse,
  ) {
    this.fd = fd;
    this.tag = id.tag;
    this.mountId = id.mountId;
    this.dev = id.dev;
    this.births = id.births;
    const answered = statfsFd(fd) === 0;
    this.type = answered ? statfs.type : 0;
    this.fsid = answered && statfs.fsid !== 0n ? statfs.fsid : BigInt(id.dev);
    const given = takeHandle(fd) === 0 && handle.length <= HINTED_MAX && (handles === 'any' || this.handlesLast);
    this.handleBytes = given ? handle.length : 0;
    this.byHandle = given && handles !== 'none' && this.#opens();
    this.closesSoon = !id.isRoot && (handles === 'none' || (this.byHandle && this.handlesLast));
  }

  /**
   * Whether handles are valid as long as their objects exist. Those of FUSE contain numbers that its daemon assigns
   * again, to other objects too, when the kernel has forgotten an inode.
   */
  get handlesLast(): boolean {
    return this.type !== Magic.FUSE;
  }

  /** Whether the files are in memory, so that a read never waits for a disk. */
  get inMemory(): boolean {
    return this.type === Magic.TMPFS || this.type === Magic.RAMFS;
  }

  /** Whether it is overlayfs, which copies a file when it is first changed: its birth time changes with that. */
  get copiesUp(): boolean {
    return this.type === Magic.OVERLAY;
  }

  /** Whether inode number and birth time do not identify an object, so that the index must remember its gfid. */
  get hidesIdentity(): boolean {
    return this.copiesUp || !this.births;
  }

  /** Whether the kernel opens the handle that it has just given. */
  #opens(): boolean {
    const opened = openHandle(this.fd, handle.type, Buffer.from(handle.bytes), 0, handle.length);
    if (opened < 0) return false;
    close(opened);
    return true;
  }
}
