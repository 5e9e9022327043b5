/**
 * Where objects are, for file systems whose handles cannot be opened: without CAP_DAC_READ_SEARCH, or when they give
 * none. A database in the state directory holds, for every gfid that was given out, the directories and names it was
 * seen under; renames made through us change it at once, and what was moved behind our back is searched by its inode
 * number. It is written before a gfid is answered, so that a handle is good after a crash too, and shared by all stages.
 * With what is made durable it is as well; what it lost in a power failure all the same is searched (index-use.ts).
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ERRNO, FsError } from '../../../errno.ts';
import { lastingCopy } from '../../../lasting.ts';
import type { Log } from '../../../log.ts';
import { O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT } from '../../../sys/constants.ts';
import { fsError, systemError } from '../../../sys/failure.ts';
import { asRoot, asServer } from '../../../sys/identity.ts';
import { close, errno, openat } from '../../../sys/libc.ts';
import { cName } from '../../../sys/names.ts';
import { stat } from '../../../sys/statx.ts';
import { Flush } from './flush.ts';
import { type GfidAndHint, gfidByChance, gfidOfInode, isRoot } from './gfid.ts';
import { IndexUse } from './index-use.ts';
import type { Known } from './known.ts';
import type { Mount } from './mount.ts';
import type { Objects } from './objects.ts';
import { findIn, PlaceSearch } from './place-search.ts';

/** Directories in each other: deeper ones are not found again. */
const DEPTH_MAX = 1024;

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA cache_size = -8192;
  CREATE TABLE IF NOT EXISTS volume (root TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS place (
    parent BLOB NOT NULL, name BLOB NOT NULL, gfid BLOB NOT NULL, ino TEXT NOT NULL, PRIMARY KEY (parent, name)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS place_gfid ON place (gfid);
  CREATE TABLE IF NOT EXISTS birth (
    tag INTEGER NOT NULL, ino TEXT NOT NULL, btime TEXT NOT NULL, gfid BLOB NOT NULL, PRIMARY KEY (tag, ino)
  ) WITHOUT ROWID;
`;

/** The log is synced before it is moved to the database, and when {@link PlaceIndex.durable} asks for it. */
const LAZY = 'PRAGMA synchronous = NORMAL';

interface Place {
  readonly parent: Uint8Array;
  readonly name: Uint8Array;
  readonly ino: string;
}

/** Notes that `known` is called `name` in `dir`, if there is an index and it needs to know. */
export function note(index: PlaceIndex | undefined, known: Known, dir: Known, name: string): void {
  if (index === undefined) return;
  if (known.placeParent === dir.gfid && known.placeName === name) return;
  index.note(known, dir, name);
}

export class PlaceIndex {
  readonly #db: DatabaseSync;
  readonly #objects: Objects;
  readonly #log: Log;
  readonly #search: PlaceSearch;
  readonly #use: IndexUse;
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
  #batched = false;

  /** `path` is the database's file. */
  constructor(path: string, objects: Objects, log: Log, stage: number) {
    this.#objects = objects;
    this.#log = log;
    const db = (this.#db = new DatabaseSync(path));
    db.exec(SCHEMA);
    this.#use = new IndexUse(db, stage);
    this.#forVolume();
    db.exec(LAZY);
    this.#logFd = openSync(`${path}-wal`, 'r');
    this.#flush = new Flush(() => ({ fd: this.#logFd, finish() {} }));
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
  }

  note(known: Known, dir: Known, name: string): void {
    if (known === this.#objects.root) return;
    this.#run(() => this.#add.run(dir.gfid, bytesOf(name), known.gfid, String(known.ino)));
    known.placeParent = dir.gfid;
    known.placeName = name;
  }

  /** Everything that `act` notes is written at once. */
  batch<T>(act: () => T): T {
    if (this.#batched) return act();
    this.#run(() => this.#db.exec('BEGIN IMMEDIATE'));
    this.#batched = true;
    try {
      return act();
    } finally {
      this.#batched = false;
      this.#run(() => this.#db.exec('COMMIT'));
    }
  }

  removed(dir: Known, name: string): void {
    this.#run(() => this.#remove.run(dir.gfid, bytesOf(name)));
  }

  renamed(from: Known, fromName: string, to: Known, toName: string): void {
    this.#run(() => this.#move.run(to.gfid, bytesOf(toName), from.gfid, bytesOf(fromName)));
  }

  /**
   * The gfid of an inode without a handle, whom `stat` tells of and who hides who it is (`Mount.hidesWho`): the one that
   * it was given when it was first met, by whichever stage, unless its birth time has changed since. Of a directory that
   * is no wonder: it is copied up when anything in it is.
   */
  identify(mount: Mount): GfidAndHint {
    const ino = String(stat.inoKey);
    const btime = btimeNow();
    let row = this.#birthOf(mount, ino);
    if (row === undefined && !mount.births) {
      this.#run(() => this.#meet.run(mount.tag, ino, btime, gfidByChance(mount.tag).gfid));
      row = this.#birthOf(mount, ino);
    }
    const known = row && (!mount.births || row.btime === btime || (stat.mode & S_IFMT) === S_IFDIR);
    const gfid = known ? lastingCopy(row!.gfid) : gfidOfInode(mount.tag, stat.inoKey, stat.btime, stat.btimeNsec).gfid;
    if (row?.btime !== btime) this.#run(() => this.#bear.run(mount.tag, ino, btime, gfid));
    return { gfid, hint: undefined };
  }

  #birthOf(mount: Mount, ino: string): { btime: string; gfid: Uint8Array } | undefined {
    return this.#run(() => this.#born.get(mount.tag, ino)) as { btime: string; gfid: Uint8Array } | undefined;
  }

  /** The birth time of an inode changed while we held it open: overlayfs copied it up. `stat` tells of it. */
  reborn(known: Known): void {
    if (known === this.#objects.root) return;
    this.#run(() => this.#bear.run(known.mount.tag, String(known.ino), btimeNow(), known.gfid));
  }

  /** The inode is no more: its number may come again, for another one. */
  died(mount: Mount, ino: number | bigint): void {
    if (mount.hidesWho) this.#run(() => this.#bury.run(mount.tag, String(ino)));
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

  /** Everything in the volume was noted. */
  complete(): void {
    this.#run(() => this.#use.sure());
    this.#log.info('the index of file handles is whole again');
  }

  async close(): Promise<void> {
    this.#search.stop();
    try {
      this.#run(() => this.#use.end());
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
    const places = this.#run(() => this.#find.all(gfid)) as unknown as Place[];
    if (places.length === 0) {
      if (!this.#use.unsure) throw fsError('ESTALE', 'the object is gone');
      this.#search.everything();
      throw fsError('EJUKEBOX', 'the machine went down, and the index may have lost the object: it is searched');
    }
    for (const { parent, name } of places) {
      const fd = this.#inParent(parent, depth, dirFd => this.#openIfSame(dirFd, nameOf(name), gfid));
      if (fd !== undefined) return fd;
    }
    // Not where it was. Most often it has got another name in the same directory.
    for (const { parent, ino } of places) {
      const fd = this.#inParent(parent, depth, (dirFd, dir) =>
        findIn(dirFd, ino, name => {
          const found = this.#openIfSame(dirFd, name, gfid);
          if (found !== undefined) this.#run(() => this.#add.run(dir, bytesOf(name), gfid, ino));
          return found;
        }),
      );
      if (fd !== undefined) return fd;
    }
    if (this.#search.missed(gfid, places[0]!.ino)) throw fsError('EJUKEBOX', 'the object was moved: it is searched');
    this.#run(() => this.#removeAll.run(gfid));
    throw fsError('ESTALE', 'the object is gone');
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

  /** An index that was made for another directory under the same volume's name says nothing. */
  #forVolume(): void {
    const { root } = this.#objects;
    const id = `${root.mount.fsid} ${root.ino}`;
    const row = this.#db.prepare('SELECT root FROM volume').get() as { root: string } | undefined;
    if (row?.root === id) return;
    if (row) this.#log.warn('the volume is another directory than before: handles given out until now are stale');
    this.#db.exec('BEGIN IMMEDIATE; DELETE FROM volume; DELETE FROM place; DELETE FROM birth');
    this.#db.prepare('INSERT INTO volume (root) VALUES (?)').run(id);
    this.#db.exec('COMMIT');
  }

  #run<T>(query: () => T): T {
    this.#dirty = true;
    try {
      return query();
    } catch (error) {
      this.#log.error({ err: error }, 'the index of file handles cannot be used');
      throw new FsError('EIO', `EIO: the index of file handles: ${(error as Error).message}`, { cause: error });
    }
  }
}

const bytesOf = (name: string) => Buffer.from(name, 'latin1');
const nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');
const btimeNow = () => `${stat.btime}.${stat.btimeNsec}`;
