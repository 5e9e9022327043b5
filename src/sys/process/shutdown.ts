import { readlinkSync } from 'node:fs';
import koffi from 'koffi';

const SHUT_RDWR = 2;
const shutdown = koffi.load(null).func('int shutdown(int, int)') as (fd: number, how: number) => number;

/**
 * Identifies the socket behind a descriptor of this process, to tell it from sockets that had or will get the same
 * number.
 */
export function socketOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined; // closed
  }
}

/** Ends the connection of a descriptor that another thread owns and keeps. */
export function endConnection(fd: number): void {
  shutdown(fd, SHUT_RDWR);
}
