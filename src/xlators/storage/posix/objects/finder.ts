/**
 * Finds objects whose handles cannot be opened, by the places that were noted for their gfids. A place is a directory
 * and a name in it. `index/places.ts` implements this; a brick whose handles can be opened has none.
 */
import type { Stat } from '../../../../sys/files/statx.ts';
import type { GfidAndHint } from './gfid.ts';
import type { ObjectMount, PosixObject } from './object.ts';

export interface Finder {
  /** Opens an object (O_PATH). ESTALE if it is gone; EJUKEBOX while it is searched for. */
  open(gfid: Buffer): number;

  /**
   * Returns the gfid of the inode that `seen` describes, on a mount that hides identities (`Mount.hidesIdentity`): the
   * gfid that it was given when it was first seen by any stage, unless its birth time has changed since.
   */
  identify(mount: ObjectMount, seen: Stat): GfidAndHint;
  /** Records the birth time that `seen` has, since overlayfs has copied the object. */
  birthChanged(object: PosixObject, seen: Stat): void;
  /** Records that the inode no longer exists, so that another one may get its number. */
  inodeGone(mount: ObjectMount, ino: number | bigint): void;

  /** Notes a place of the object. EJUKEBOX if that cannot be written; the gfid must then not be answered. */
  note(object: PosixObject, dir: PosixObject, name: string): void;
  /** Records a further name that the object was just given. */
  linked(object: PosixObject, dir: PosixObject, name: string): void;
  removed(dir: PosixObject, name: string): void;
  renamed(from: PosixObject, fromName: string, to: PosixObject, toName: string): void;
  exchanged(one: PosixObject, oneName: string, other: PosixObject, otherName: string): void;
  /** Runs `act` and writes all places that it notes in one transaction. EJUKEBOX if that cannot be written. */
  batch<T>(act: () => T): T;

  /** Must be called before an object is made. EJUKEBOX while nothing can be written. */
  ready(): void;
  /** Must be called before a name is removed. EJUKEBOX if no further change can wait to be written. */
  room(): void;
  /** Makes durable what was noted, so that all handles that were given out are found after a power failure. */
  durable(): Promise<void>;
  close(): Promise<void>;
}

/** Notes that `object` is called `name` in `dir`, if there is a finder and it was not told the same last time. */
export function note(finder: Finder | undefined, object: PosixObject, dir: PosixObject, name: string): void {
  if (finder === undefined) return;
  if (object.placeParent === dir.gfid && object.placeName === name) return;
  finder.note(object, dir, name);
}
