import { readlinkSync } from 'node:fs';
import koffi from 'koffi';

const SHUT_RDWR = 2;
const shutdown = koffi.load(null).func('int shutdown(int, int)') as (fd: number, how: number) => number;

/** What tells the socket that a descriptor of this process stands for from those that had or get its number. */
export function socketOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined; // closed
  }
}

/** Ends the connection of a descriptor that another thread owns and goes on to own. */
export function endConnection(fd: number): void {
  shutdown(fd, SHUT_RDWR);
}
