/** Errors of system calls, made cheaply: they are answers to clients, not bugs, so nobody wants their stack. */
import { ERRNO, type Errno, FsError } from '../errno.ts';
import { FopError } from '../graph/fops.ts';
import type { Iatt, Wcc } from '../graph/iatt.ts';
import { errno } from './libc.ts';

/** By number; the first name where there are several. */
const CODES: Errno[] = [];
for (const code of Object.keys(ERRNO) as Errno[]) CODES[ERRNO[code]] ??= code;

/** Runs `make` without the 2 µs that a stack trace costs. */
function stackless<E extends Error>(make: () => E): E {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The error of the system call that has just failed. */
export const lastError = (what: string): FsError => systemError(errno(), what);

export const systemError = (number: number, what: string): FsError => stackless(() => FsError.of(number, what));

export const fsError = (code: Errno, what: string): FsError => stackless(() => new FsError(code, `${code}: ${what}`));

/** `error` with the attributes of what it would have changed, as they were before and as they are now. */
export const withWcc = (error: unknown, before: Iatt | undefined, after: Iatt | undefined): unknown =>
  error instanceof FsError && !(error instanceof FopError)
    ? stackless(() => new FopError(error.code, error.message, { before, after }))
    : error;

/** {@link systemError} and {@link withWcc} in one, for what fails often. */
export const failedWith = (number: number, what: string, wcc: Wcc): FopError => {
  const code = CODES[number] ?? 'EIO';
  return stackless(() => new FopError(code, `${code}: ${what}`, wcc));
};

/** As {@link withWcc}, of the two directories of a rename. */
export const withBoth = (error: unknown, from: Wcc, to: Wcc): unknown =>
  error instanceof FsError && !(error instanceof FopError)
    ? stackless(() => new FopError(error.code, error.message, from, to))
    : error;
