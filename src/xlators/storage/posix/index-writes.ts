/**
 * Writing to the index, which may fail: its disk is full, or another process has locked it. A call then waits for some
 * milliseconds, not more, and its client is told to come again (EJUKEBOX); for a while after that, clients are told so
 * without another try. What has been done to the file system already cannot be refused any more: that is kept, and
 * written in its order before anything else.
 */
import { writeFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { FsError } from '../../../errno.ts';
import type { Log } from '../../../log.ts';
import { asServer } from '../../../sys/identity.ts';
import { comeAgain, faultOf, isSqliteError } from './index-faults.ts';

/** How long one call waits for the lock. Stages of this server have it for microseconds. */
const LOCK_MS = 30;
/** How long after a failure nothing is tried: so little of a stage's time is spent waiting. */
const REST_MS = 250;
/** Changes that wait to be written. Beyond that, no more are made. */
const KEPT_MAX = 10_000;
/** One line for each time of trouble, and another one now and then. */
const LOG_MS = 60_000;

/** The sign that the database was found damaged, for the next start. */
export const damageMark = (file: string): string => `${file}.mark`;

export class IndexWrites {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #log: Log;
  /** What was done, but not written. */
  #kept: (() => void)[] = [];
  /** Of the performance clock; 0 when all is well. */
  #restsUntilMs = 0;
  #loggedMs = -Infinity;
  /** It was found damaged, which does not pass. */
  #broken: unknown;
  #timer: NodeJS.Timeout | undefined;

  /** `file` is the database's path. */
  constructor(db: DatabaseSync, file: string, log: Log) {
    this.#db = db;
    this.#file = file;
    this.#log = log;
    db.exec(`PRAGMA busy_timeout = ${LOCK_MS}`);
  }

  /** @throws {FsError} EJUKEBOX while the database cannot be used; EIO if it never can */
  read<T>(query: () => T): T {
    try {
      return query();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Runs `query`, which changes one row, behind all that waits to be written. @throws {FsError} as {@link read} */
  write(query: () => void): void {
    if (this.#restsUntilMs !== 0) this.#tryAgain();
    try {
      query();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** As {@link write}, of any number of rows: all of them are written, or none. */
  writeAll(queries: () => void): void {
    this.write(() => {
      this.#db.exec('BEGIN IMMEDIATE');
      queries();
      this.#db.exec('COMMIT');
    });
  }

  /** The change that `query` tells of has been made in the file system: it is written now, or later. */
  done(query: () => void): void {
    if (this.#restsUntilMs === 0) {
      try {
        query();
        return;
      } catch (error) {
        const failure = this.#failed(error);
        if (!isSqliteError(error)) throw failure;
      }
    }
    this.#kept.push(query);
    this.#timer ??= setTimeout(() => this.#writeKept(), REST_MS).unref();
  }

  /** To be asked before something is made whose handle must be written. @throws {FsError} EJUKEBOX */
  ready(): void {
    if (this.#restsUntilMs !== 0) this.#tryAgain();
  }

  /** To be asked before something else is changed: removals must go on, or a full disk would stay full. */
  room(): void {
    if (this.#kept.length >= KEPT_MAX) this.#tryAgain();
  }

  /** Writes what it can. Answers how many changes are lost to the index. */
  close(): number {
    clearTimeout(this.#timer);
    if (this.#restsUntilMs !== 0) this.#restsUntilMs = 1; // the last try is made at once
    try {
      if (this.#kept.length > 0) this.#tryAgain();
    } catch {
      // They are counted.
    }
    return this.#kept.length;
  }

  #writeKept(): void {
    this.#timer = undefined;
    asServer();
    try {
      this.#tryAgain();
    } catch {
      this.#timer = setTimeout(() => this.#writeKept(), REST_MS).unref();
    }
  }

  /** @throws {FsError} EJUKEBOX it rests, or it has failed again */
  #tryAgain(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (performance.now() < this.#restsUntilMs) throw comeAgain();
    const { length } = this.#kept;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const query of this.#kept) query();
      this.#db.exec('UPDATE volume SET root = root'); // a page at least: whether there is room for one
      this.#db.exec('COMMIT');
    } catch (error) {
      throw this.#failed(error);
    }
    this.#kept = [];
    this.#restsUntilMs = 0;
    this.#loggedMs = -Infinity;
    this.#log.info({ file: this.#file, changes: length }, 'the index of file handles can be written again');
  }

  /** What to throw for `error`. Of a transaction nothing is left. */
  #failed(error: unknown): unknown {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // SQLite has done it.
    }
    if (!isSqliteError(error)) return error;
    const { code, message, damaged } = faultOf(error, this.#file);
    const now = performance.now();
    this.#restsUntilMs = now + REST_MS;
    if (now - this.#loggedMs > LOG_MS) {
      this.#loggedMs = now;
      this.#log.error({ err: error, file: this.#file }, message);
    }
    const failure = new FsError(code, `${code}: ${message}`, { cause: error });
    if (damaged && this.#broken === undefined) {
      this.#broken = failure;
      this.#mark();
    }
    return failure;
  }

  #mark(): void {
    try {
      asServer();
      writeFileSync(damageMark(this.#file), '', { mode: 0o600 });
    } catch {
      // The next start finds out by itself, or an hour later.
    }
  }
}
