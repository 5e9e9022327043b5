/**
 * tmpfs since Linux 6.14 lists from the newest entry to the oldest, and a position is the number of the entry that comes
 * next. If that entry has gone and there is none older, the kernel begins anew with the newest one in place of ending: a
 * listing that goes on there would show the whole directory again.
 */
import { Magic } from '../../../../sys/constants.ts';
import { DirentReader } from '../../../../sys/files/dirents.ts';
import { lastError } from '../../../../sys/failure.ts';
import { close } from '../../../../sys/libc.ts';
import type { Mount } from '../objects/mount.ts';

/** Positions of `.` and `..`, or behind them. */
const DOTS = 2n;
/** Behind the oldest entry. */
const END = 0x7fff_ffffn;

/**
 * Whether the kernel began anew with the entry that it gave for the position `at`, and behind which comes `behind`. `again`
 * opens the directory; it is asked for only when numbers rise, as they never do from a new entry to an older one.
 */
export function beganAnew(mount: Mount, again: () => number, at: bigint, behind: bigint): boolean {
  if (mount.type !== Magic.TMPFS || at <= DOTS || behind < at || mount.listsUpwards) return false;
  const fd = again();
  try {
    const reader = new DirentReader();
    const next = () => {
      if (reader.next(fd) < 0) throw lastError('getdents64');
      return reader.cookie;
    };
    next(); // `.`, whose position says nothing
    const newest = next(); // behind `..`
    const second = next(); // behind the newest
    if (second === END) return newest > at; // the only one: was it there, or is it older?
    mount.listsUpwards = second > newest;
    // Of two and more only the oldest is at the end, and it is not what comes first.
    return !mount.listsUpwards && behind !== END;
  } finally {
    close(fd);
  }
}
