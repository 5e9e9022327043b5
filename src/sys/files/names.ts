/** Names and paths for system calls: latin1 strings, one character a byte, become bytes that end in NUL. */
import { fsError } from '../failure.ts';

/** PATH_MAX, its NUL included. */
const PATH_MAX = 4096;

/** Overwritten by the next call. A call with two names gives each its own. */
const first = Buffer.alloc(PATH_MAX);
const second = Buffer.alloc(PATH_MAX);
const procPath = Buffer.alloc(40);

export const EMPTY = Buffer.alloc(1);
export const DOT = Buffer.from('.\0');
export const DOT_DOT = Buffer.from('..\0');

function write(text: string, into: Buffer): Buffer {
  const { length } = text;
  if (length >= PATH_MAX) throw fsError('ENAMETOOLONG', `${length} bytes, of at most ${PATH_MAX - 1}`);
  for (let i = 0; i < length; i++) {
    const byte = text.charCodeAt(i);
    if (byte === 0 || byte > 255) throw fsError('EINVAL', 'a name holds a character that is NUL or no byte');
    into[i] = byte;
  }
  into[length] = 0;
  return into;
}

/** Any text, such as a symlink's target or an xattr's name. Good until the next call. */
export const cText = (text: string): Buffer => write(text, first);
/** A second one beside it. */
export const cText2 = (text: string): Buffer => write(text, second);

/** One component of a path: an empty one or one with a slash is refused with EINVAL. Good until the next call. */
export function cName(name: string, into = first): Buffer {
  if (name === '' || name.includes('/')) throw fsError('EINVAL', 'a name is empty or holds a slash');
  return write(name, into);
}

/** A second one beside it. */
export const cName2 = (name: string): Buffer => cName(name, second);

/** `/proc/self/fd/N`: what a descriptor stands for, where a call takes only paths. Good until the next call. */
export function procFd(fd: number): Buffer {
  procPath.write(`/proc/self/fd/${fd}\0`, 0, 'latin1');
  return procPath;
}
