/**
 * The answers of fops. `xdata` is what a layer adds for those above it; a fop that answers nothing, a number or a map
 * has none.
 */
import type { Iatt, Wcc } from '../iatt.ts';
import type { Note } from '../note.ts';
import type { Xdata } from './xdata.ts';
import type { Stable } from './requests.ts';

/** The attributes of an object. */
export interface StatReply extends Iatt {
  readonly xdata?: Xdata;
}

/** An object that was found by its name or gfid. */
export interface Found {
  readonly iatt: Iatt;
  /** The attributes of the directory after the fop; absent in the answer of `discover`. */
  readonly parent?: Iatt;
  readonly xdata?: Xdata;
}

/** What the caller may do with an object. */
export interface AccessReply {
  /** Those bits of the mask that the caller is granted. */
  readonly granted: number;
  /** Absent if the brick does not tell them together with that. */
  readonly iatt?: Iatt;
  readonly xdata?: Xdata;
}

/** What a symbolic link refers to. */
export interface ReadlinkReply {
  /** The target of the symbolic link, in latin1. */
  readonly target: string;
  readonly iatt: Iatt;
  readonly xdata?: Xdata;
}

/** The attributes of an object before and after it was changed. */
export interface WccReply extends Wcc {
  readonly xdata?: Xdata;
}

/** An object that was given a name, and the directory before and after that. */
export interface Made {
  readonly iatt: Iatt;
  readonly parent: Wcc;
  /** The answer of `create` with flags: the file is open. */
  readonly opened?: Opened;
  readonly xdata?: Xdata;
}

/** What layers keep of an open file or directory: put into the fd that the caller makes. */
export interface Opened {
  readonly notes?: Note;
  readonly xdata?: Xdata;
}

/** The directory before and after a name was removed from it. */
export interface Removed {
  readonly parent: Wcc;
  /** The gfid of the removed object if, as far as the brick can tell, this was its last name. */
  readonly gone?: Buffer | undefined;
  readonly xdata?: Xdata;
}

/** The two directories before and after a rename. */
export interface Renamed {
  readonly from: Wcc;
  readonly to: Wcc;
  /** The gfid of the object that had the new name, if that was its last name (as in {@link Removed}). */
  readonly gone?: Buffer | undefined;
  readonly xdata?: Xdata;
}

export interface ReadReply {
  /** The bytes read; fewer than asked for only at the end of the file. */
  readonly data: Buffer;
  readonly eof: boolean;
  readonly iatt: Iatt;
  /** To be called once when `data` has been sent, so that its buffer can be reused. */
  readonly release?: () => void;
  readonly xdata?: Xdata;
}

export interface Written extends WccReply {
  readonly count: number;
  readonly stable: Stable;
}

/**
 * An entry of a directory. It belongs to who has asked for the listing, as its attributes do: the layers above write
 * their own cookies and notes into it, since a listing has hundreds of entries.
 */
export interface Dirent {
  readonly name: string;
  readonly ino: bigint;
  /**
   * The position from which a listing continues after this entry: 63 bits, stable across restarts and changes of the
   * directory.
   */
  cookie: bigint;
  /** Set by readdirp if the entry could still be read. Absent for `..` of the volume's root. */
  readonly iatt?: Iatt;
  readonly xdata?: Xdata;
}

export interface DirList {
  readonly entries: readonly Dirent[];
  readonly eof: boolean;
  /** The attributes of the directory. */
  readonly iatt: Iatt;
  readonly xdata?: Xdata;
}

/**
 * How many bytes of a listing's `size` an entry takes: about its size in an NFS reply, with attributes and a handle if
 * they are known.
 */
export const direntBytes = (nameBytes: number, hasIatt: boolean): number =>
  ((nameBytes + 3) & ~3) + (hasIatt ? 152 : 24);

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
  readonly xdata?: Xdata;
}
