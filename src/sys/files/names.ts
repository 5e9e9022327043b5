/** Names and paths for system calls: latin1 strings, with a character for each byte, become bytes that end in NUL. */
import { fsError } from '../failure.ts';

/** The longest path, including its NUL. */
const PATH_MAX = 4096;

/** Each conversion overwrites one of these buffers. A system call with two names uses both. */
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
    if (byte === 0 || byte > 255) throw fsError('EINVAL', 'a name holds a NUL or a character that is no byte');
    into[i] = byte;
  }
  into[length] = 0;
  return into;
}

/** Converts any text, such as a symlink's target or an xattr's name. The result is valid until the next conversion. */
export const cText = (text: string): Buffer => write(text, first);
/** Like {@link cText}, for a second text in the same system call. */
export const cText2 = (text: string): Buffer => write(text, second);

/** Converts one component of a path. EINVAL if it is empty or holds a slash. Valid until the next conversion. */
export function cName(name: string, into = first): Buffer {
  if (name === '' || name.includes('/')) throw fsError('EINVAL', 'a name is empty or holds a slash');
  return write(name, into);
}

/** Like {@link cName}, for a second name in the same system call. */
export const cName2 = (name: string): Buffer => cName(name, second);

/** Returns `/proc/self/fd/N` for calls that take only paths. Valid until the next call of this function. */
export function procFd(fd: number): Buffer {
  procPath.write(`/proc/self/fd/${fd}\0`, 0, 'latin1');
  return procPath;
}
