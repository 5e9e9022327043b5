import koffi from 'koffi';
import { FsError } from '../errno.ts';

const F_DUPFD_CLOEXEC = 1030;
const fcntl = koffi.load(null).func('int fcntl(int, int, int)') as (fd: number, command: number, arg: number) => number;

/** Another descriptor of the same file or socket, closed on exec; the caller closes it. */
export function duplicate(fd: number): number {
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw FsError.of(koffi.errno(), `no descriptor for a copy of ${fd}`);
  return copy;
}
