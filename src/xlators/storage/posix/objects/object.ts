import type { Identity } from '../../../../graph/frame.ts';
import { Memo } from '../../../../graph/iatt.ts';
import type { DirentReader } from '../../../../sys/files/dirents.ts';
import type { Descriptor, Kind } from './descriptors.ts';
import type { Flush } from '../data/flush.ts';
import type { Mount } from './mount.ts';
import type { NarrowCookies } from '../listing/narrow-cookies.ts';

/** A directory being listed: an open descriptor with a position of its own. */
export interface Listing {
  readonly descriptor: Descriptor;
  readonly reader: DirentReader;
  /** The directory's ctime when the reader's buffer was filled. */
  ctime: number;
  ctimeNsec: number;
  /** It was read to its end. */
  done: boolean;
}

/** What the brick knows of one object of the file system: who it is, what is open of it, and who may do what. */
export class PosixObject {
  /**
   * Replaced by another one when the object's file system was unmounted and mounted again, or was not used in between.
   */
  mount: Mount;
  readonly gfid: Buffer;
  readonly hint: Buffer | undefined;
  /** Its key in the mount's map; -1 until it was seen. */
  ino: number | bigint = -1;
  /** Of the inode that has this number: when it was born. */
  btime = 0;
  btimeNsec = 0;
  /** Whether number and birth time alone tell that it is this one: see `Mount.inodes`. */
  settled = false;

  path: Descriptor | undefined;
  file: Descriptor | undefined;
  lists: Listing[] | undefined;
  narrow: NarrowCookies | undefined;
  flush: Flush | undefined;

  /** The last answer about permissions: for whom, at which ctime, when, of which bits, and which of them are granted. */
  grantee: Identity | undefined;
  grantCtime = 0;
  grantCtimeNsec = 0;
  grantMode = 0;
  grantUid = 0;
  grantGid = 0;
  grantAtMs = 0;
  grantAsked = 0;
  granted = 0;

  /** Where the index has it: see index/. */
  placeParent: Buffer | undefined;
  placeName = '';

  readonly memo = new Memo();

  constructor(mount: Mount, gfid: Buffer, hint: Buffer | undefined) {
    this.mount = mount;
    this.gfid = gfid;
    this.hint = hint;
  }

  /** Called by the descriptors' cache. */
  lost(kind: Kind, descriptor: Descriptor): void {
    if (kind === 'path') this.path = undefined;
    else if (kind === 'file') this.file = undefined;
    else if (this.lists) this.lists = this.lists.filter(list => list.descriptor !== descriptor);
  }

  /** Closes whatever is open of it, as soon as nobody works on it. */
  close(): void {
    if (this.path) this.path.cache.drop(this.path);
    if (this.file) this.file.cache.drop(this.file);
    while (this.lists?.length) this.lists[0]!.descriptor.cache.drop(this.lists[0]!.descriptor);
  }
}
