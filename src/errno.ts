/**
 * Errors below the actors have the codes of the operating system. Node's own errors carry the same `code`, so they pass
 * as they are; code that refuses a call by itself throws one of these: `new FsError('EROFS')`.
 */
import { constants } from 'node:os';

/** Codes that `node:os` does not have. EJUKEBOX (Linux 528) means "ask again later": NFS3ERR_JUKEBOX on the wire. */
const MORE = {
  EDQUOT: 122,
  EREMOTEIO: 121,
  EBADFD: 77,
  ENODATA: 61,
  EJUKEBOX: 528,
  ENOTSUPP: 524,
  EBADHANDLE: 521,
} as const;

export type Errno = keyof typeof constants.errno | keyof typeof MORE;

/** The code of each number; the first one where a number has several (EAGAIN and EWOULDBLOCK). */
const CODES = new Map<number, Errno>();
for (const [code, number] of Object.entries({ ...constants.errno, ...MORE })) {
  if (!CODES.has(number)) CODES.set(number, code as Errno);
}

/** The code of an errno that came from a kernel or over the wire; EIO if there is none. */
export const errnoCode = (errno: number): Errno => CODES.get(errno) ?? 'EIO';

/** The number of each errno on this machine. */
export const ERRNO: Readonly<Record<Errno, number>> = { ...constants.errno, ...MORE };

export class FsError extends Error {
  override name = 'FsError';
  readonly code: Errno;

  /** The error has no stack: it is an answer and not a bug, and any client can cause as many as it likes. */
  constructor(code: Errno, message: string = code, options?: ErrorOptions) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, options);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
  }

  /** Makes an error of the `errno` that a system call left. */
  static of(errno: number, what: string): FsError {
    const code = errnoCode(errno);
    return new FsError(code, `${code}: ${what}`);
  }
}

/** The code of anything that was thrown; `undefined` if it is no error of a file system, and so a bug of ours. */
export function errnoOf(error: unknown): Errno | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  if (typeof code === 'string' && code in ERRNO) return code as Errno;
  // libuv has no name for some (EDQUOT, ESTALE): they are called "Unknown system error -122".
  const { errno, syscall } = error as NodeJS.ErrnoException;
  return errno !== undefined && syscall !== undefined ? (CODES.get(-errno) ?? 'EIO') : undefined;
}

/** Whether an error says that a name or an object is not there: ENOENT or, for what was known before, ESTALE. */
export function isGone(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ESTALE';
}
