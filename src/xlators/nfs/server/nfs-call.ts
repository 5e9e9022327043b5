/** The context of NFS3's actors: it has the call, finds the inodes of file handles, and makes file handles. */
import type { Frame } from '../../../graph/frame.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { PeerLogger } from '../../../peer-log.ts';
import type { Call } from '../../../rpcsvc/actor.ts';
import type { Trust } from './exports/exports.ts';
import type { NfsOptions } from './options.ts';
import type { Volume } from '../../../master/volume.ts';

/**
 * Where a directory is relative to the export of its handle: `top` is where the export begins, `below` is inside it,
 * and `outside` is where a directory is that was moved out of it. `unknown` if the brick cannot tell.
 */
export type Place = 'top' | 'below' | 'outside' | 'unknown';

/** What a file handle stands for: the object, where it is exported, and the ids with which the caller acts there. */
export interface Resolved {
  readonly volume: Volume;
  readonly inode: Inode;
  /** The frame of the caller's fops, with ids that are squashed as the export says. */
  readonly frame: Frame;
  readonly readOnly: boolean;
  /** How far writes are answered as more durable than they are, see `Trust`. */
  readonly trust: Trust;
  readonly exportId: number;
  /**
   * Where the object is relative to the export. In an export of a part of a volume this says `below` until {@link
   * NfsCall.locate} has found out.
   */
  readonly place: Place;
}

/** The context of NFS3's actors, one for each call. */
export interface NfsCall {
  readonly call: Call;
  readonly options: NfsOptions;
  readonly log: PeerLogger;
  /**
   * Finds the object of a handle, if the caller may use the export at all. Returns it at once if the inode is known,
   * and a promise if the graph must be asked.
   * @throws {FsError} EBADHANDLE: this server has not made the handle; ESTALE: the object is gone; EACCES: the export
   * refuses the caller; EJUKEBOX: it cannot be found now
   */
  resolve(handle: Buffer): Resolved | Promise<Resolved>;
  /** Like {@link resolve}, but also fails with EROFS if the export is read-only. */
  resolveForChange(handle: Buffer): Resolved | Promise<Resolved>;
  /**
   * Finds out where the directory is now and stores it in {@link Resolved.place}. This asks the brick only for exports
   * of a part of a volume, since everything in a whole volume is inside its export.
   */
  locate(at: Resolved): Promise<Place>;
  /** Whether a directory that was found through `..` is now inside the export of `at`. */
  holds(at: Resolved, iatt: Iatt): Promise<boolean>;
  /** Returns the handle of an object that was found in the same export as `near`. */
  handleOf(near: Resolved, iatt: Iatt): Buffer;
  /** Notes in the inode table that `name` in `parent` is this object, and returns its inode. */
  link(parent: Resolved, name: string, iatt: Iatt): Inode;
}
