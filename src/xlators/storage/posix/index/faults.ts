/** What SQLite's errors mean for the index of file handles, for its callers and for the operator. */
import { type Errno, FsError } from '../../../../errno.ts';
import { fsError } from '../../../../sys/failure.ts';

/** Primary result codes of SQLite that are told apart here. */
const SQLITE = { BUSY: 5, LOCKED: 6, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

export interface IndexFault {
  /** The errno for callers: EJUKEBOX to try again later, or EIO if the fault is permanent. */
  readonly code: Extract<Errno, 'EJUKEBOX' | 'EIO'>;
  /** What is wrong, and what the operator can do about it. */
  readonly message: string;
  /** Whether the file itself is damaged, so that trying again does not help. */
  readonly damaged: boolean;
}

interface SqliteError extends Error {
  readonly code: string;
  readonly errcode: number;
}

export const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && (error as Partial<SqliteError>).code === 'ERR_SQLITE_ERROR';

/** Masks out the upper bits of an extended result code, which are too detailed here. */
const primary = ({ errcode }: SqliteError): number => errcode & 0xff;

export const isLocked = (error: unknown): boolean =>
  isSqliteError(error) && (primary(error) === SQLITE.BUSY || primary(error) === SQLITE.LOCKED);

export const isDamaged = (error: unknown): boolean =>
  isSqliteError(error) && (primary(error) === SQLITE.CORRUPT || primary(error) === SQLITE.NOTADB);

/** Explains an error of SQLite about the database `file`. */
export function faultOf(error: SqliteError, file: string): IndexFault {
  const what = `the index of file handles, ${file}`;
  if (isLocked(error)) {
    const message = `another process has locked ${what}: clients are told to try later; "fuser ${file}" names it`;
    return { code: 'EJUKEBOX', message, damaged: false };
  }
  if (isDamaged(error)) {
    const message = `${what} is damaged: start the server again, which makes it anew if nothing is lost by that`;
    return { code: 'EIO', message, damaged: true };
  }
  const code = primary(error);
  if (code === SQLITE.FULL || code === SQLITE.IOERR || code === SQLITE.CANTOPEN || code === SQLITE.READONLY) {
    const message = `${what}, cannot be written (${error.message}): clients are told to try later; is its disk full?`;
    return { code: 'EJUKEBOX', message, damaged: false };
  }
  return { code: 'EIO', message: `${what}, cannot be used: ${error.message}`, damaged: false };
}

/** The error of a call while nothing is tried after a failure. */
export const tryLater = (): FsError => fsError('EJUKEBOX', 'the index of file handles cannot be used now');
