import { ROOT_GFID } from '../../../../graph/gfid.ts';
import { lastError } from '../../../../sys/failure.ts';
import type { DirentReader } from '../../../../sys/files/dirents.ts';
import { statFd } from '../../../../sys/files/statx.ts';
import { Memo } from '../../../../graph/iatt.ts';
import type { Flush } from '../data/flush.ts';
import type { Descriptor, Kind } from './descriptors.ts';
import type { Grant } from './grant.ts';
import { type HandleUse, Mount } from './mount.ts';

/** A mount that remembers objects by their inode numbers. */
export type ObjectMount = Mount<PosixObject>;

/** A directory being listed: an open descriptor with a position of its own. */
export interface Listing {
  readonly descriptor: Descriptor;
  readonly reader: DirentReader;
  /** The directory's ctime when the reader's buffer was filled. */
  ctime: number;
  ctimeNsec: number;
  /** Whether it was read to its end. */
  done: boolean;
}

/** What the brick keeps of one object of the file system: its identity, open descriptors, and the last permissions. */
export class PosixObject {
  /**
   * The mount that the object is on. It is replaced by another one when the file system was unmounted and mounted
   * again, or when the mount was dropped because nothing of it was in use.
   */
  mount: ObjectMount;
  readonly gfid: Buffer;
  readonly hint: Buffer | undefined;
  /** The inode number, by which the mount remembers the object; -1 until it is known. */
  ino: number | bigint = -1;
  /** The birth time of the inode that has this number. */
  btime = 0;
  btimeNsec = 0;
  /** Whether an inode with this number and birth time must be this object: see {@link Mount.inodes}. */
  settled = false;

  /** Open descriptors of the object, see `Kind`, and the listings of a directory. */
  path: Descriptor | undefined;
  file: Descriptor | undefined;
  lists: Listing[] | undefined;
  /** Syncs the data of a file for COMMIT. */
  flush: Flush | undefined;
  /** How many fds keep it open, so that it can be used after its last name was removed. */
  opens = 0;
  /** Its last name was removed. */
  removed = false;
  grant: Grant | undefined;

  /**
   * The place that the index was last told: the gfid of a directory, and the object's name in it. Absent if the index
   * must be told again.
   */
  placeParent: Buffer | undefined;
  placeName = '';

  readonly memo = new Memo();

  constructor(mount: ObjectMount, gfid: Buffer, hint: Buffer | undefined) {
    this.mount = mount;
    this.gfid = gfid;
    this.hint = hint;
  }

  /** Returns the object of the volume's root, which is open for reading as `fd`. */
  static root(fd: number, handles: HandleUse): PosixObject {
    const seen = statFd(fd);
    if (seen === undefined) throw lastError('statx of the volume’s directory');
    const { mountId, dev, hasBtime: births, inoKey } = seen;
    const root = new PosixObject(
      new Mount(fd, { tag: 0, mountId, dev, births, isRoot: true }, handles),
      ROOT_GFID,
      undefined,
    );
    root.ino = inoKey;
    return root;
  }

  /** Called by the cache of descriptors when it has dropped one of this object. */
  lost(kind: Kind, descriptor: Descriptor): void {
    if (kind === 'path') this.path = undefined;
    else if (kind === 'file') this.file = undefined;
    else if (this.lists) this.lists = this.lists.filter(list => list.descriptor !== descriptor);
  }

  /** Closes everything of an object without a name: no caller can ask for its data any more. */
  discard(): void {
    if (this.file) this.file.dirty = false;
    this.close();
  }

  /** Closes all descriptors of the object, each as soon as no operation uses it. */
  close(): void {
    if (this.path) this.path.cache.drop(this.path);
    if (this.file) this.file.cache.drop(this.file);
    while (this.lists?.length) this.lists[0]!.descriptor.cache.drop(this.lists[0]!.descriptor);
  }
}
