/**
 * Where objects are, for file systems whose handles cannot be opened: without CAP_DAC_READ_SEARCH, or when they give
 * none. A database in the state directory holds, for every gfid that was given out, the directories and names it was
 * seen under; renames made through us change it at once, and what was moved behind our back is searched by its inode
 * number. It is written before a gfid is answered, so that a handle is good after a crash too, and shared by all stages.
 * With what is made durable it is as well; what it lost in a power failure all the same is searched (index-use.ts). When it
 * cannot be written, clients are told to come again (index-writes.ts); names that are gone are swept (index-sweep.ts).
 */
import { closeSync, openSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ERRNO } from '../../../../errno.ts';
import { keptCopy } from '../../../../kept-bytes.ts';
import type { Log } from '../../../../log.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT } from '../../../../sys/constants.ts';
import { fsError, systemError } from '../../../../sys/failure.ts';
import { asRoot, asServer } from '../../../../sys/process/identity.ts';
import { close, errno, openat } from '../../../../sys/libc.ts';
import { cName, DOT } from '../../../../sys/files/names.ts';
import { stat } from '../../../../sys/files/statx.ts';
import { Flush } from '../data/flush.ts';
import { type GfidAndHint, gfidByChance, gfidOfInode, isRoot } from '../objects/gfid.ts';
import { type IndexFile, type IndexPlace, openIndexFile } from './file.ts';
import { IndexSweep } from './sweep.ts';
import type { IndexUse } from './crash-mark.ts';
import { IndexWrites } from './writes.ts';
import type { PosixObject } from '../objects/object.ts';
import type { Mount } from '../objects/mount.ts';
import type { Objects } from '../objects/objects.ts';
import { findIn, PlaceSearch } from './search.ts';

/** Directories in each other: deeper ones are not found again. */
const DEPTH_MAX = 1024;

/** The log is synced before it is moved to the database, and when {@link PlaceIndex.durable} asks for it. */
const LAZY = 'PRAGMA synchronous = NORMAL';

interface Place {
  readonly parent: Uint8Array;
  readonly name: Uint8Array;
  readonly ino: string;
}

/** Notes that `object` is called `name` in `dir`, if there is an index and it needs to know. */
export function note(index: PlaceIndex | undefined, object: PosixObject, dir: PosixObject, name: string): void {
  if (index === undefined) return;
  if (object.placeParent === dir.gfid && object.placeName === name) return;
  index.note(object, dir, name);
}

/** A name that will be written together with others. */
interface Noted {
  readonly object: PosixObject;
  readonly parent: Buffer;
  readonly name: string;
}

export class PlaceIndex {
  readonly #db: DatabaseSync;
  readonly #objects: Objects;
  readonly #log: Log;
  readonly #search: PlaceSearch;
  readonly #sweep: IndexSweep;
  readonly #use: IndexUse;
  readonly #writes: IndexWrites;
  /** The database's log, to be synced. */
  readonly #logFd: number;
  readonly #flush: Flush;
  /** Something was written, or by another stage and used here, since it was synced. */
  #dirty = true;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeAll: StatementSync;
  readonly #move: StatementSync;
  readonly #find: StatementSync;
  readonly #born: StatementSync;
  readonly #bear: StatementSync;
  readonly #meet: StatementSync;
  readonly #bury: StatementSync;
  /** The names that {@link batch} will write. */
  #batch: Noted[] | undefined;

  /** Opens the index. @throws {Error} its file is locked or damaged; the message names it and says what to do */
  static async open(place: IndexPlace, objects: Objects, log: Log): Promise<PlaceIndex> {
    const file = await openIndexFile(place, log);
    try {
      return new PlaceIndex(file, place.stage, objects, log);
    } catch (error) {
      file.db.close();
      throw error;
    }
  }

  private constructor({ path, db, use }: IndexFile, stage: number, objects: Objects, log: Log) {
    this.#db = db;
    this.#objects = objects;
    this.#log = log;
    this.#use = use;
    db.exec(LAZY);
    this.#writes = new IndexWrites(db, path, log);
    asServer(); // others' calls may have been served while the file was opened
    this.#logFd = openSync(`${path}-wal`, 'r');
    this.#flush = new Flush(undefined, () => ({ fd: this.#logFd, finish() {} }));
    this.#add = db.prepare(
      `INSERT INTO place (parent, name, gfid, ino) VALUES (?, ?, ?, ?)
       ON CONFLICT (parent, name) DO UPDATE SET gfid = excluded.gfid, ino = excluded.ino WHERE gfid <> excluded.gfid`,
    );
    this.#remove = db.prepare('DELETE FROM place WHERE parent = ? AND name = ?');
    this.#removeAll = db.prepare('DELETE FROM place WHERE gfid = ?');
    this.#move = db.prepare('UPDATE OR REPLACE place SET parent = ?, name = ? WHERE parent = ? AND name = ?');
    this.#find = db.prepare('SELECT parent, name, ino FROM place WHERE gfid = ?');
    this.#born = db.prepare('SELECT btime, gfid FROM birth WHERE tag = ? AND ino = ?');
    this.#bear = db.prepare('INSERT OR REPLACE INTO birth (tag, ino, btime, gfid) VALUES (?, ?, ?, ?)');
    this.#meet = db.prepare('INSERT OR IGNORE INTO birth (tag, ino, btime, gfid) VALUES (?, ?, ?, ?)');
    this.#bury = db.prepare('DELETE FROM birth WHERE tag = ? AND ino = ?');
    this.#search = new PlaceSearch(objects, this, log);
    this.#sweep = new IndexSweep(db, this.#writes, this.#search, this, log);
    if (stage === 0) this.#sweep.begin();
  }

  /**
   * Notes that `object` is called `name` in `dir`. EJUKEBOX if that cannot be written; the gfid must then not be
   * answered.
   */
  note(object: PosixObject, dir: PosixObject, name: string): void {
    if (object === this.#objects.root) return;
    if (this.#batch !== undefined) {
      this.#batch.push({ object, parent: dir.gfid, name });
      return;
    }
    this.#dirty = true;
    this.#writes.write(() => this.#add.run(dir.gfid, bytesOf(name), object.gfid, String(object.ino)));
    object.placeParent = dir.gfid;
    object.placeName = name;
  }

  /** Like {@link note}, for a further name that an object was just given. */
  linked(object: PosixObject, dir: PosixObject, name: string): void {
    this.#done(() => this.#add.run(dir.gfid, bytesOf(name), object.gfid, String(object.ino)));
  }

  /** Runs `act` and then writes everything that it has noted in one transaction. EJUKEBOX if that cannot be written. */
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
    this.#writes.writeAll(() => {
      for (const { object, parent, name } of noted) {
        this.#add.run(parent, bytesOf(name), object.gfid, String(object.ino));
      }
    });
    for (const { object, parent, name } of noted) {
      object.placeParent = parent;
      object.placeName = name;
    }
    return result;
  }

  /** Must be called before an object is made. EJUKEBOX while nothing can be written. */
  ready(): void {
    this.#writes.ready();
  }

  /** Must be called before a name is removed. EJUKEBOX if no further change can wait to be written. */
  room(): void {
    this.#writes.room();
  }

  removed(dir: PosixObject, name: string): void {
    this.#done(() => this.#remove.run(dir.gfid, bytesOf(name)));
  }

  renamed(from: PosixObject, fromName: string, to: PosixObject, toName: string): void {
    this.#done(() => this.#move.run(to.gfid, bytesOf(toName), from.gfid, bytesOf(fromName)));
  }

  exchanged(one: PosixObject, oneName: string, other: PosixObject, otherName: string): void {
    const [first, second] = [bytesOf(oneName), bytesOf(otherName)];
    this.#done(() => {
      this.#db.exec('SAVEPOINT exchange'); // this may run inside of a transaction, and all of it is written or nothing
      this.#move.run(one.gfid, UNNAMEABLE, one.gfid, first);
      this.#move.run(one.gfid, first, other.gfid, second);
      this.#move.run(other.gfid, second, one.gfid, UNNAMEABLE);
      this.#db.exec('RELEASE exchange');
    });
  }

  /**
   * The gfid of an inode without a handle, whom `stat` tells of and who hides who it is (`Mount.hidesWho`): the one that
   * it was given when it was first met, by whichever stage, unless its birth time has changed since. Of a directory that
   * is no wonder: it is copied up when anything in it is.
   */
  identify(mount: Mount): GfidAndHint {
    this.#writes.ready(); // the removal of the object may still have to be written
    const ino = String(stat.inoKey);
    const btime = btimeNow();
    let row = this.#birthOf(mount, ino);
    if (row === undefined && !mount.births) {
      this.#write(() => this.#meet.run(mount.tag, ino, btime, gfidByChance(mount.tag).gfid));
      row = this.#birthOf(mount, ino);
    }
    const isSame = row && (!mount.births || row.btime === btime || (stat.mode & S_IFMT) === S_IFDIR);
    const gfid = isSame ? keptCopy(row!.gfid) : gfidOfInode(mount.tag, stat.inoKey, stat.btime, stat.btimeNsec).gfid;
    if (row?.btime !== btime) this.#write(() => this.#bear.run(mount.tag, ino, btime, gfid));
    return { gfid, hint: undefined };
  }

  #birthOf(mount: Mount, ino: string): { btime: string; gfid: Uint8Array } | undefined {
    return this.#writes.read(() => this.#born.get(mount.tag, ino)) as { btime: string; gfid: Uint8Array } | undefined;
  }

  /** The birth time of an inode changed while we held it open: overlayfs copied it up. `stat` tells of it. */
  reborn(object: PosixObject): void {
    if (object === this.#objects.root) return;
    const btime = btimeNow();
    this.#done(() => this.#bear.run(object.mount.tag, String(object.ino), btime, object.gfid));
  }

  /** The inode is no more: its number may come again, for another one. */
  died(mount: Mount, ino: number | bigint): void {
    if (mount.hidesWho) this.#done(() => this.#bury.run(mount.tag, String(ino)));
  }

  /** An O_PATH descriptor of the object. ESTALE if it is gone, EJUKEBOX while it is searched. */
  open(gfid: Buffer): number {
    asRoot();
    return this.#open(gfid, 0);
  }

  /** All handles that were given out are found again after a power failure too. */
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

  /** Records that everything in the volume was noted. EJUKEBOX if that cannot be written. */
  complete(): void {
    this.#write(() => this.#use.sure());
    this.#log.info('the index of file handles is whole again');
  }

  /** Searches names that no longer exist, and forgets them: see {@link IndexSweep.sweep}. */
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
      this.#write(() => this.#use.end());
      await this.durable();
    } catch {
      // Then it looks as if the machine went down, and something may be searched for.
    }
    asServer(); // the last one to close it removes files
    this.#db.close();
    closeSync(this.#logFd);
  }

  #open(gfid: Buffer, depth: number): number {
    if (depth > DEPTH_MAX) throw fsError('ELOOP', `more than ${DEPTH_MAX} directories in each other`);
    const places = this.#places(gfid);
    if (places.length === 0) {
      if (!this.#writes.read(() => this.#use.unsure)) throw fsError('ESTALE', 'the object is gone');
      this.#search.everything();
      throw fsError('EJUKEBOX', 'the index may lack the object: it is searched');
    }
    for (const { parent, name } of places) {
      const fd = this.#inParent(parent, depth, dirFd => this.#openIfSame(dirFd, nameOf(name), gfid));
      if (fd !== undefined) return fd;
    }
    // Not where it was. Most often it has got another name in the same directory.
    const own = keptCopy(gfid); // `gfid` may be a view into the call, and is perhaps written only later
    for (const { parent, ino } of places) {
      const fd = this.#inParent(parent, depth, (dirFd, dir) =>
        findIn(dirFd, ino, name => {
          const found = this.#openIfSame(dirFd, name, gfid);
          if (found !== undefined) this.#done(() => this.#add.run(dir, bytesOf(name), own, ino));
          return found;
        }),
      );
      if (fd !== undefined) return fd;
    }
    if (this.#search.missed(gfid, places[0]!.ino)) throw fsError('EJUKEBOX', 'the object was moved: it is searched');
    this.#done(() => this.#removeAll.run(own));
    throw fsError('ESTALE', 'the object is gone');
  }

  /** Like {@link open}, but tries only the noted places; `undefined` if the object is at none of them. */
  openNoted(gfid: Buffer, depth = 0): number | undefined {
    if (isRoot(gfid)) return openat(this.#objects.fd(this.#objects.root), DOT, O_PATH | O_CLOEXEC, 0);
    if (depth > DEPTH_MAX) return undefined;
    for (const { parent, name } of this.#places(gfid)) {
      const dir = this.openNoted(Buffer.from(parent), depth + 1);
      if (dir === undefined) continue;
      try {
        const fd = this.#openIfSame(dir, nameOf(name), gfid);
        if (fd !== undefined) return fd;
      } finally {
        close(dir);
      }
    }
    return undefined;
  }

  /** Runs `use` on a descriptor of the directory; `undefined` if that is gone. */
  #inParent<T>(gfid: Uint8Array, depth: number, use: (fd: number, gfid: Buffer) => T): T | undefined {
    const parent = Buffer.from(gfid);
    if (isRoot(parent)) return use(this.#objects.fd(this.#objects.root), parent);
    let fd: number;
    try {
      fd = this.#open(parent, depth + 1);
    } catch (error) {
      if ((error as { code?: string }).code === 'ESTALE') return undefined;
      throw error;
    }
    try {
      return use(fd, parent);
    } finally {
      close(fd);
    }
  }

  /** The object called `name`, if it is the one of that gfid. */
  #openIfSame(dirFd: number, name: string, gfid: Buffer): number | undefined {
    const fd = openat(dirFd, cName(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) {
      const number = errno();
      if (number === ERRNO.ENOENT || number === ERRNO.ENOTDIR) return undefined;
      throw systemError(number === ERRNO.EMFILE ? ERRNO.EJUKEBOX : number, 'open by name');
    }
    try {
      if (this.#objects.gfidOf(fd).equals(gfid)) return fd;
    } catch (error) {
      close(fd);
      throw error;
    }
    close(fd);
    return undefined;
  }

  #places(gfid: Uint8Array): Place[] {
    this.#dirty = true;
    return this.#writes.read(() => this.#find.all(gfid)) as unknown as Place[];
  }

  #write(query: () => void): void {
    this.#dirty = true;
    this.#writes.write(query);
  }

  #done(query: () => void): void {
    this.#dirty = true;
    this.#writes.done(query);
  }
}

/** What no entry of a directory can be called. */
const UNNAMEABLE = Buffer.from('/');
const bytesOf = (name: string) => Buffer.from(name, 'latin1');
const nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const btimeNow = () => `${stat.btime}.${stat.btimeNsec}`;
