import { Magic } from '../../../../sys/constants.ts';
import { handle, openHandle, takeHandle } from '../../../../sys/files/handles.ts';
import { close } from '../../../../sys/libc.ts';
import { statfs, statfsFd } from '../../../../sys/files/statfs.ts';
import { stat } from '../../../../sys/files/statx.ts';
import { HINTED_MAX } from './gfid.ts';
import { InoMap } from './ino-map.ts';
import type { PosixObject } from './object.ts';

/** Inodes that a mount remembers by number, see {@link Mount.inodes}. */
const INODES_MAX = 65_536;

/**
 * Which of the kernel's handles to open: none (there is an index), those that last as long as their objects, or also those
 * that are good only while the kernel remembers the inode (better than nothing where there is no index).
 */
export type HandleUse = 'none' | 'lasting' | 'any';

/** A file system as it is mounted at or below the volume's root. Its objects' gfids begin with its tag. */
export class Mount {
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
  /** statfs(2)'s f_type. */
  readonly type: number;
  /** Bytes of its handles; 0 if it gives none that are of use. */
  readonly handleBytes: number;
  /** Whether handles can be opened; otherwise objects are found by the index. */
  readonly byHandle: boolean;
  /**
   * Whether idle descriptors on it are closed soon, so that it can be unmounted. This is so if it is mounted below the
   * root and its objects can be found again.
   */
  readonly closesSoon: boolean;
  /**
   * Whether the mount was dropped from the table because nothing of it was in use. Its number may be another mount's by
   * now.
   */
  left = false;
  /** The number of open descriptors of its objects. */
  open = 0;
  /** For how many ticks nothing of it has been open. */
  idleTicks = 0;
  /**
   * Spares asking for handles again. A number is that inode's if we hold it open, or if its birth time is the same and
   * lay some clock ticks back when we asked for the handle (`settled`): a number may be used again within a tick.
   */
  readonly inodes = new InoMap<PosixObject>(INODES_MAX);
  /** Whether its listings were seen to go from old to new: see tmpfs-positions.ts. */
  listsUpwards = false;
  /** Whether preadv2 takes RWF_NOWAIT, until it was seen not to. */
  nowait = true;
  /** Whether objects have birth times. Without, their numbers alone do not tell them from others that had them before. */
  readonly births: boolean;
  readonly #reborn: (object: PosixObject) => void;

  constructor(
    fd: number,
    id: { tag: number; mountId: number; dev: number; births: boolean; isRoot: boolean },
    handles: HandleUse,
    reborn: (object: PosixObject) => void,
  ) {
    this.fd = fd;
    this.tag = id.tag;
    this.mountId = id.mountId;
    this.dev = id.dev;
    this.births = id.births;
    this.#reborn = reborn;
    const answered = statfsFd(fd) === 0;
    this.type = answered ? statfs.type : 0;
    this.fsid = answered && statfs.fsid !== 0n ? statfs.fsid : BigInt(id.dev);
    const given = takeHandle(fd) === 0 && handle.length <= HINTED_MAX && (handles === 'any' || this.handlesLast);
    this.handleBytes = given ? handle.length : 0;
    this.byHandle = given && handles !== 'none' && this.#opens();
    this.closesSoon = !id.isRoot && (handles === 'none' || (this.byHandle && this.handlesLast));
  }

  /** FUSE's are numbers that its daemon gives anew when the kernel has forgotten an inode, also to others. */
  get handlesLast(): boolean {
    return this.type !== Magic.FUSE;
  }

  /** Reads of it never wait for a disk. */
  get inMemory(): boolean {
    return this.type === Magic.TMPFS || this.type === Magic.RAMFS;
  }

  /** Overlayfs copies a file up when it is first changed: it has then another birth time, which `stat` tells. */
  get copiesUp(): boolean {
    return this.type === Magic.OVERLAY;
  }

  /** Whether number and birth time are not enough to tell who an object is: the index remembers whom it has met. */
  get hidesWho(): boolean {
    return this.copiesUp || !this.births;
  }

  reborn(object: PosixObject): void {
    object.btime = stat.btime;
    object.btimeNsec = stat.btimeNsec;
    object.settled = false;
    this.#reborn(object);
  }

  #opens(): boolean {
    const opened = openHandle(this.fd, handle.type, Buffer.from(handle.bytes), 0, handle.length);
    if (opened < 0) return false;
    close(opened);
    return true;
  }
}
