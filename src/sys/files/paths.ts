import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from '../constants.ts';
import { lastError } from '../failure.ts';
import { openat, readlinkat } from '../libc.ts';

const PATH_MAX = 4096;
const OWN = Buffer.from('/proc/self/fd\0');
const text = Buffer.alloc(PATH_MAX);
/** Room for the number of a descriptor and a NUL. */
const number = Buffer.alloc(16);

/**
 * A descriptor of /proc/self/fd, opened when it is first needed. It saves a third of the cost of a call, which is the
 * walk to that directory.
 */
let descriptors = -1;

/** Returns the present path of a directory that is open as `fd`, in latin1. ENAMETOOLONG if the kernel cannot report it. */
export function pathOf(fd: number): string {
  if (descriptors < 0) descriptors = openat(AT_FDCWD, OWN, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (descriptors < 0) throw lastError('open of /proc/self/fd');
  number.write(`${fd}\0`, 0, 'latin1');
  const length = readlinkat(descriptors, number, text, PATH_MAX);
  if (length < 0) throw lastError('readlink of /proc/self/fd');
  return text.toString('latin1', 0, length);
}

/** Whether `path` is `top` or below it. */
export const isWithin = (path: string, top: string): boolean =>
  path === top || path.startsWith(top === '/' ? top : `${top}/`);
