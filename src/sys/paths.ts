import { AT_FDCWD } from './constants.ts';
import { lastError } from './failure.ts';
import { readlinkat } from './libc.ts';
import { procFd } from './names.ts';

const PATH_MAX = 4096;
const text = Buffer.alloc(PATH_MAX);

/** Where a directory that is open as `fd` is now, as latin1. */
export function pathOf(fd: number): string {
  const length = readlinkat(AT_FDCWD, procFd(fd), text, PATH_MAX);
  if (length < 0) throw lastError('readlink of /proc/self/fd');
  return text.toString('latin1', 0, length);
}

/** Whether `path` is below `top`, or is it. */
export const isWithin = (path: string, top: string): boolean =>
  path === top || path.startsWith(top === '/' ? top : `${top}/`);
