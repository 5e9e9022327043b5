/** Errors of system calls. They are answers to clients and no bugs, so they are made without a stack trace. */
import { ERRNO, type Errno, FsError } from '../errno.ts';
import { errno } from './libc.ts';

/** The codes by their numbers. Where a number has several codes, the first one counts. */
const CODES: Errno[] = [];
for (const code of Object.keys(ERRNO) as Errno[]) CODES[ERRNO[code]] ??= code;

/** Returns the code of an errno, EIO if there is none. */
export const codeOf = (number: number): Errno => CODES[number] ?? 'EIO';

/** Runs `make` without the 2 µs that a stack trace costs. */
export function stackless<E extends Error>(make: () => E): E {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Returns the error of the system call `what` that has just failed. */
export const lastError = (what: string): FsError => systemError(errno(), what);

/** Returns the error for the errno `number`, with which `what` failed. */
export const systemError = (number: number, what: string): FsError => stackless(() => FsError.of(number, what));

/** Returns an error that this program decides on, and not the kernel. */
export const fsError = (code: Errno, what: string): FsError => stackless(() => new FsError(code, `${code}: ${what}`));
