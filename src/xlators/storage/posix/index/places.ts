/**
 * The index: it finds objects whose handles cannot be opened, since the server lacks CAP_DAC_READ_SEARCH or the file
 * system gives no handles. For every gfid that was given out, a database in the state directory holds the object's
 * places. A place is a directory and a name in it, under which the object was seen.
 *
 * A place is written before its gfid is answered, so that a handle is good after a crash, and all stages share the
 * database. Renames through this server change it at once. An object that a local user has moved is searched for by its
 * inode number (search.ts), and names that no longer exist are removed in the background (sweep.ts). While the database
 * cannot be written, clients are told to try again later (writes.ts). It is made durable together with the data that
 * clients commit; what a power failure has nevertheless lost is searched for (crash-mark.ts).
 */
import { closeSync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Log } from '../../../../log.ts';
import { fsError } from '../../../../sys/failure.ts';
import type { Stat } from '../../../../sys/files/statx.ts';
import { asRoot, asServer } from '../../../../sys/process/identity.ts';
import { Flush } from '../data/flush.ts';
import type { Finder } from '../objects/finder.ts';
import type { GfidAndHint } from '../objects/gfid.ts';
import type { ObjectMount, PosixObject } from '../objects/object.ts';
import type { Objects } from '../objects/objects.ts';
import { Births } from './births.ts';
import type { IndexUse } from './crash-mark.ts';
import type { IndexFile } from './file.ts';
import { PlaceOpening } from './opening.ts';
import { type Place, PlaceTable } from './place-table.ts';
import { PlaceSearch } from './search.ts';
import { IndexSweep } from './sweep.ts';
import { IndexWrites } from './writes.ts';

/**
 * SQLite syncs its log before it moves it to the database, and otherwise when {@link PlaceIndex.durable} asks for it.
 */
const LAZY = 'PRAGMA synchronous = NORMAL';

/** A place that {@link PlaceIndex.batch} will write together with others. */
interface Noted {
  readonly object: PosixObject;
  readonly parent: Buffer;
  readonly name: string;
}

const placeOf = ({ object: { gfid, ino }, parent, name }: Noted) => ({ parent, name, gfid, ino });

export class PlaceIndex implements Finder {
  readonly #db: DatabaseSync;
  readonly #objects: Objects;
  readonly #log: Log;
  readonly #table: PlaceTable;
  readonly #births: Births;
  readonly #opening: PlaceOpening;
  readonly #search: PlaceSearch;
  readonly #sweep: IndexSweep;
  readonly #use: IndexUse;
  readonly #writes: IndexWrites;
  /** A descriptor of the database's log, to sync it. */
  readonly #logFd: number;
  readonly #flush: Flush;
  /** Whether the log may hold something that is not synced: written here, or by another stage and read here. */
  #dirty = true;
  #batch: Noted[] | undefined;

  /** Takes over the database of `file`. */
  constructor({ path, db, use }: IndexFile, stage: number, objects: Objects, log: Log) {
    this.#db = db;
    this.#objects = objects;
    this.#log = log;
    this.#use = use;
    db.exec(LAZY);
    this.#writes = new IndexWrites(db, path, log);
    this.#table = new PlaceTable(db, this.#writes);
    this.#births = new Births(db, this.#writes);
    this.#opening = new PlaceOpening(objects, this.#table, (gfid, places) => this.#missed(gfid, places));
    this.#search = new PlaceSearch(objects, this, log);
    this.#sweep = new IndexSweep(db, this.#writes, this.#search, this.#opening, log);
    asServer(); // calls of clients may have been served while the file was opened
    this.#logFd = openSync(`${path}-wal`, 'r');
    this.#flush = new Flush(undefined, () => ({ fd: this.#logFd, finish() {} }));
    if (stage === 0) this.#sweep.begin();
  }

  open(gfid: Buffer): number {
    asRoot();
    this.#dirty = true;
    return this.#opening.open(gfid);
  }

  identify(mount: ObjectMount, seen: Stat): GfidAndHint {
    this.#dirty = true;
    return { gfid: this.#births.gfidOf(mount, seen), hint: undefined };
  }

  birthChanged(object: PosixObject, seen: Stat): void {
    if (object === this.#objects.root) return;
    this.#dirty = true;
    this.#births.changed(object, seen);
  }

  inodeGone(mount: ObjectMount, ino: number | bigint): void {
    if (!mount.hidesIdentity) return;
    this.#dirty = true;
    this.#births.removed(mount, ino);
  }

  note(object: PosixObject, dir: PosixObject, name: string): void {
    if (object === this.#objects.root) return;
    const noted = { object, parent: dir.gfid, name };
    if (this.#batch !== undefined) {
      this.#batch.push(noted);
      return;
    }
    this.#dirty = true;
    this.#table.note(placeOf(noted));
    object.placeParent = dir.gfid;
    object.placeName = name;
  }

  batch<T>(act: () => T): T {
    if (this.#batch !== undefined) return act();
    const noted: Noted[] = (this.#batch = []);
    let result: T;
    try {
      result = act();
    } finally {
      this.#batch = undefined;
    }
    if (noted.length === 0) return result;
    this.#dirty = true;
    this.#table.noteAll(noted.map(placeOf));
    for (const { object, parent, name } of noted) {
      object.placeParent = parent;
      object.placeName = name;
    }
    return result;
  }

  linked({ gfid, ino }: PosixObject, dir: PosixObject, name: string): void {
    this.#dirty = true;
    this.#table.added({ parent: dir.gfid, name, gfid, ino });
  }

  removed(dir: PosixObject, name: string): void {
    this.#dirty = true;
    this.#table.removed(dir.gfid, name);
  }

  renamed(from: PosixObject, fromName: string, to: PosixObject, toName: string): void {
    this.#dirty = true;
    this.#table.moved(from.gfid, fromName, to.gfid, toName);
  }

  exchanged(one: PosixObject, oneName: string, other: PosixObject, otherName: string): void {
    this.#dirty = true;
    this.#table.exchanged(one.gfid, oneName, other.gfid, otherName);
  }

  ready(): void {
    this.#writes.ready();
  }

  room(): void {
    this.#writes.room();
  }

  async durable(): Promise<void> {
    if (!this.#dirty && this.#flush.idle) return;
    this.#dirty = false;
    try {
      await this.#flush.sync(true);
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
  }

  /** Records that every object in the volume was noted. EJUKEBOX if that cannot be written. */
  complete(): void {
    this.#dirty = true;
    this.#writes.write(() => this.#use.sure());
    this.#log.info('the index of file handles is whole again');
  }

  /** Removes names that no longer exist: see {@link IndexSweep.sweep}. */
  sweep(): Promise<void> {
    return this.#sweep.sweep();
  }

  async close(): Promise<void> {
    this.#search.stop();
    this.#sweep.stop();
    try {
      asServer();
      const lost = this.#writes.close();
      if (lost > 0)
        this.#log.error({ changes: lost }, 'the index of file handles lacks changes that could not be written');
      this.#dirty = true;
      this.#writes.write(() => this.#use.end());
      await this.durable();
    } catch {
      // The next start then takes this for a crash of the machine, and searches for what may be missing.
    }
    asServer(); // the last stage that closes the database removes files
    this.#db.close();
    closeSync(this.#logFd);
  }

  /**
   * Starts a search for an object that is at none of its places. Returns false if a search has shown that it is gone.
   */
  #missed(gfid: Buffer, [place]: readonly Place[]): boolean {
    if (place !== undefined) return this.#search.missed(gfid, place.ino);
    if (!this.#writes.read(() => this.#use.unsure)) throw fsError('ESTALE', 'the object is gone');
    this.#search.everything();
    throw fsError('EJUKEBOX', 'the index may lack the object: it is searched for');
  }
}
