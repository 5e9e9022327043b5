/**
 * Writes to the index, which may fail because its disk is full or another process has locked it. A call then waits for
 * at most some milliseconds, and its client is told to try again later (EJUKEBOX). For a while after that, clients get
 * this answer without another attempt. A change that was already made in the file system can no longer be refused: it
 * is kept in memory, and written in order before anything else.
 */
import { writeFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { FsError } from '../../../../errno.ts';
import type { Log } from '../../../../log.ts';
import { asServer } from '../../../../sys/process/identity.ts';
import { faultOf, isSqliteError, tryLater } from './faults.ts';

/** How long one call waits for the lock. Stages of this server hold it for microseconds only. */
const LOCK_MS = 30;
/** How long nothing is tried after a failure, so that a stage spends little of its time waiting. */
const REST_MS = 250;
/** How many changes may wait to be written. Beyond that, no further change is made. */
const KEPT_MAX = 10_000;
/** The least time between two log lines about failures. */
const LOG_MS = 60_000;

/** The path of a file that tells the next start that the database was found damaged. */
export const damageMark = (file: string): string => `${file}.mark`;

export class IndexWrites {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #log: Log;
  /** Changes that were made in the file system and are not written yet. */
  #kept: (() => void)[] = [];
  /** Until when nothing is tried, on the clock of `performance.now()`; 0 if the last attempt succeeded. */
  #restsUntilMs = 0;
  #loggedMs = -Infinity;
  /** The error with which the database was found damaged, which is permanent. */
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

  /** Runs `query`, which changes one row, after all changes that wait. @throws {FsError} as {@link read} */
  write(query: () => void): void {
    if (this.#restsUntilMs !== 0) this.#tryAgain();
    try {
      query();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Like {@link write} for any number of rows: either all of them are written, or none. */
  writeAll(queries: () => void): void {
    this.write(() => {
      this.#db.exec('BEGIN IMMEDIATE');
      queries();
      this.#db.exec('COMMIT');
    });
  }

  /** Records a change that was already made in the file system. `query` writes it now, or later if that fails. */
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

  /** Must be called before an object is made whose handle must be written. @throws {FsError} EJUKEBOX */
  ready(): void {
    if (this.#restsUntilMs !== 0) this.#tryAgain();
  }

  /**
   * Must be called before any other change. It refuses only when too many changes wait, since removals must go on, or a
   * full disk would stay full.
   */
  room(): void {
    if (this.#kept.length >= KEPT_MAX) this.#tryAgain();
  }

  /** Writes what can be written, and returns how many changes the index has lost. */
  close(): number {
    clearTimeout(this.#timer);
    if (this.#restsUntilMs !== 0) this.#restsUntilMs = 1; // the last attempt need not wait
    try {
      if (this.#kept.length > 0) this.#tryAgain();
    } catch {
      // The changes that could not be written are counted below.
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

  /** Writes the changes that wait. @throws {FsError} EJUKEBOX after a recent failure, or if it fails again */
  #tryAgain(): void {
    if (this.#broken !== undefined) throw this.#broken;
    if (performance.now() < this.#restsUntilMs) throw tryLater();
    const { length } = this.#kept;
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const query of this.#kept) query();
      this.#db.exec('UPDATE volume SET root = root'); // writes at least one page, which shows whether there is room
      this.#db.exec('COMMIT');
    } catch (error) {
      throw this.#failed(error);
    }
    this.#kept = [];
    this.#restsUntilMs = 0;
    this.#loggedMs = -Infinity;
    this.#log.info({ file: this.#file, changes: length }, 'the index of file handles can be written again');
  }

  /** Returns what to throw for `error`, after rolling back the transaction. */
  #failed(error: unknown): unknown {
    try {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    } catch {
      // SQLite has rolled it back already.
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

  /** Makes the file that tells the next start about the damage. */
  #mark(): void {
    try {
      asServer();
      writeFileSync(damageMark(this.#file), '', { mode: 0o600 });
    } catch {
      // Without the file, the damage is detected by the next start, or later when the index is used.
    }
  }
}
