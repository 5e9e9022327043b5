/**
 * Opens the index's database. Each served tree has a file of its own in the state directory. It does not depend on the
 * volume's name, and stays the tree's when the directory is moved on its file system (see tree-id.ts).
 */
import { existsSync, linkSync, lstatSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../../../log.ts';
import { asServer } from '../../../../sys/process/identity.ts';
import { temporaryName } from '../../../../sys/files/own-files.ts';
import { fileNameOf } from '../../../../wire-text.ts';
import { isDamaged, isLocked, isSqliteError } from './faults.ts';
import { IndexUse } from './crash-mark.ts';
import { damageMark } from './writes.ts';
import type { PosixObject } from '../objects/object.ts';

/** The log is moved to the database when it has 4000 pages (16 MB), and 8 MiB of pages are cached. */
const SETTINGS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA cache_size = -8192;
`;
/**
 * The tables are `volume`, whose one row has the id of the tree; `place` (place-table.ts); and `birth` (births.ts).
 * `tag` is the part of a gfid that tells its file system, see gfid.ts.
 */
const TABLES = `
  CREATE TABLE IF NOT EXISTS volume (root TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS place (
    parent BLOB NOT NULL, name BLOB NOT NULL, gfid BLOB NOT NULL, ino TEXT NOT NULL, PRIMARY KEY (parent, name)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS place_gfid ON place (gfid);
  CREATE TABLE IF NOT EXISTS birth (
    tag INTEGER NOT NULL, ino TEXT NOT NULL, btime TEXT NOT NULL, gfid BLOB NOT NULL, PRIMARY KEY (tag, ino)
  ) WITHOUT ROWID;
`;

/**
 * How often opening is tried while another process has locked the database. SQLite itself waits only briefly each time,
 * since a stage that serves calls must not be blocked in it.
 */
const TRIES = 60;
const TRY_MS = 100;
const BUSY_MS = 20;

/** The suffixes of files that SQLite keeps beside a database. */
const BESIDE = ['-wal', '-shm', '-journal'] as const;

export interface IndexPlace {
  readonly stateDir: string;
  /** The volume's name, after which earlier versions named the file. */
  readonly name: string;
  readonly root: PosixObject;
  /** The id of the tree, see tree-id.ts. */
  readonly treeId: Buffer;
  /** The number of the stage. Stage 0 starts first and repairs what is damaged. */
  readonly stage: number;
}

export interface IndexFile {
  readonly path: string;
  readonly db: DatabaseSync;
  readonly use: IndexUse;
}

interface Opened {
  readonly db: DatabaseSync;
  /** The database was just made, and clients may know objects that it lacks. */
  readonly mayLack: boolean;
}

/** The id of the tree in files of earlier versions. */
const formerTreeOf = ({ mount, ino }: PosixObject): string => `${mount.fsid} ${ino}`;

const treeOf = ({ treeId }: IndexPlace): string => treeId.toString('hex');

const pathFor = (place: IndexPlace): string => join(place.stateDir, `tree-${treeOf(place)}.index`);

/**
 * Opens the database. It is made if there is none, and made anew if it is damaged.
 * @throws {Error} it is locked or damaged; the message names the file and says what to do
 */
export async function openIndexFile(place: IndexPlace, log: Log): Promise<IndexFile> {
  const path = pathFor(place);
  try {
    const { db, mayLack } = await openDatabase(path, place, log);
    try {
      return { path, db, use: await retryWhileLocked(path, () => new IndexUse(db, mayLack)) };
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    throw isSqliteError(error) ? explained(error, path) : error;
  }
}

/** Opens the database; makes it first if there is none, or if it is damaged. */
async function openDatabase(path: string, place: IndexPlace, log: Log): Promise<Opened> {
  const tree = treeOf(place);
  asServer();
  refuseForeign(path);
  adoptFormer(path, place, log);
  const damage = damageOf(path);
  if (damage !== undefined) setAside(path, damage, place, log);
  const isMade = !existsSync(path) && makeAt(path, tree);
  const mayLack = damage !== undefined || (isMade && isOlder(place.stateDir));
  try {
    return { db: await retryWhileLocked(path, () => openAt(path, tree)), mayLack };
  } catch (error) {
    if (!isDamaged(error) && !(error instanceof Unusable)) throw error;
    setAside(path, (error as Error).message, place, log);
    makeAt(path, tree);
    return { db: openAt(path, tree), mayLack: true };
  }
}

/** The file is a database that must not be used. */
class Unusable extends Error {}

/** Makes the database such that other stages see it complete or not at all. Returns whether this stage made it. */
function makeAt(path: string, tree: string): boolean {
  asServer();
  const temporary = temporaryName(path);
  try {
    const db = new DatabaseSync(temporary);
    try {
      db.exec(`PRAGMA synchronous = FULL; BEGIN; ${TABLES}`);
      db.prepare('INSERT INTO volume (root) VALUES (?)').run(tree);
      db.exec('COMMIT');
    } finally {
      db.close();
    }
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    for (const suffix of ['', ...BESIDE]) rmSync(temporary + suffix, { force: true });
  }
}

/** Opens a database that exists. @throws {Unusable} it has no content, or that of another tree; SQLite's errors */
function openAt(path: string, tree: string): DatabaseSync {
  asServer();
  const db = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    const row = hasTables(db)
      ? (db.prepare('SELECT root FROM volume').get() as { root: string } | undefined)
      : undefined;
    if (row === undefined) throw new Unusable('it has lost its content');
    if (row.root !== tree) throw new Unusable('it is the index of another directory');
    db.exec(SETTINGS);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Whether the database has all its tables. */
function hasTables(db: DatabaseSync): boolean {
  const names = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map(({ name }) => name);
  return ['volume', 'place', 'birth'].every(name => names.includes(name));
}

/** Repeats `open` until no other process has the lock. Calls are served in between. */
async function retryWhileLocked<T>(path: string, open: () => T): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return open();
    } catch (error) {
      if (!isLocked(error)) throw error;
    }
    if (tries === TRIES) {
      const what = `the index of file handles ${path} is locked by another process`;
      throw new Error(`${what}: stop that one ("fuser ${path}" names it)`);
    }
    await sleep(TRY_MS);
  }
}

/** Adds to an error of SQLite which file it is about. */
const explained = (cause: Error, path: string) =>
  new Error(`the index of file handles ${path} cannot be opened: ${cause.message}; is its disk full?`, { cause });

/** @throws {Error} a symlink or the like stands where SQLite would write */
function refuseForeign(path: string): void {
  const uid = process.geteuid!();
  for (const one of [path, ...BESIDE.map(suffix => path + suffix)]) {
    const found = lstatSync(one, { throwIfNoEntry: false });
    if (found === undefined || (found.isFile() && found.uid === uid)) continue;
    const what = found.isFile() ? `a file of uid ${found.uid}` : 'no regular file';
    throw new Error(`expected a file of the server's own (uid ${uid}) at ${one}, found ${what}: remove it`);
  }
}

/** Takes over the file of an earlier version, which was named after the volume, if it belongs to this tree. */
function adoptFormer(path: string, place: IndexPlace, log: Log): void {
  const { stateDir, name, root } = place;
  const former = join(stateDir, `${fileNameOf(name)}.index`);
  if (existsSync(path) || !existsSync(former)) return;
  try {
    refuseForeign(former);
    const db = new DatabaseSync(former, { timeout: BUSY_MS });
    try {
      const row = db.prepare('SELECT root FROM volume').get() as { root: string } | undefined;
      if (row?.root !== formerTreeOf(root)) return;
      db.prepare('UPDATE volume SET root = ?').run(treeOf(place));
      db.exec('PRAGMA journal_mode = DELETE'); // everything is in the one file then
    } finally {
      db.close();
    }
    renameSync(former, path);
  } catch (err) {
    log.warn({ err, file: former }, 'the index of file handles of an earlier version cannot be taken over');
  }
}

/**
 * Returns why the file must not be opened; `undefined` if no reason is known. Also removes the mark of a damaged
 * file that is no longer there.
 */
function damageOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) rmSync(damageMark(path), { force: true });
  else if (existsSync(damageMark(path))) return 'it was found damaged when it was used';
  return found?.size === 0 ? 'it is empty' : undefined;
}

/**
 * Moves a damaged database out of the way, so that a new one is made, which a walk through the volume fills.
 * @throws {Error} information that only the index has would be lost
 */
function setAside(path: string, why: string, { root, stage }: IndexPlace, log: Log): void {
  const what = `the index of file handles ${path} is damaged (${why})`;
  if (stage !== 0) throw new Error(`${what}: start the server again`);
  const mark = damageMark(path);
  if (root.mount.hidesIdentity) {
    const restored = existsSync(mark) ? `restore it from a backup and remove ${mark}` : 'restore it from a backup';
    throw new Error(
      `${what}, and nothing else tells the objects of this file system apart: ${restored}, or remove it; ` +
        'without it a new one is made, and clients may have to mount anew',
    );
  }
  const aside = `${path}.damaged`;
  renameSync(path, aside);
  for (const suffix of BESIDE) rmSync(path + suffix, { force: true });
  rmSync(mark, { force: true });
  log.error({ file: path, aside }, `${what}: it is made anew, by a walk through the volume when that is needed`);
}

/** Whether handles may have been given out before this process began, which is so if the key of handles is older. */
function isOlder(stateDir: string): boolean {
  const key = statSync(join(stateDir, 'handle.key'), { throwIfNoEntry: false });
  return key !== undefined && key.mtimeMs < Date.now() - process.uptime() * 1000;
}
