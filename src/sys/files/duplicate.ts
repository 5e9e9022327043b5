import koffi from 'koffi';
import { FsError } from '../../errno.ts';
import { O_CLOEXEC } from '../constants.ts';

const F_DUPFD_CLOEXEC = 1030;
const libc = koffi.load(null);
const fcntl = libc.func('int fcntl(int, int, int)') as (fd: number, command: number, arg: number) => number;
const dup3 = libc.func('int dup3(int, int, int)') as (from: number, to: number, flags: number) => number;

/** Another descriptor of the same file or socket, closed on exec; the caller closes it. */
export function duplicate(fd: number): number {
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw FsError.of(koffi.errno(), `no descriptor for a copy of ${fd}`);
  return copy;
}

/** Makes descriptor `to` a duplicate of `from`, as dup2(2) does. Standard error stays open on exec. */
export function duplicateOnto(from: number, to: number): void {
  if (dup3(from, to, to > 2 ? O_CLOEXEC : 0) < 0)
    throw FsError.of(koffi.errno(), `no descriptor for a copy of ${from}`);
}
