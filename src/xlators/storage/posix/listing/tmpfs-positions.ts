/**
 * Since Linux 6.14 tmpfs lists from the newest entry to the oldest, and a position is the number of the entry that
 * comes next. If that entry is gone and there is no older one, the kernel starts again with the newest entry instead of
 * ending. A listing that continues at such a position would show the whole directory a second time.
 */
import { Magic } from '../../../../sys/constants.ts';
import { DirentReader } from '../../../../sys/files/dirents.ts';
import { lastError } from '../../../../sys/failure.ts';
import { close } from '../../../../sys/libc.ts';
import type { Mount } from '../objects/mount.ts';

/** The last position that belongs to `.` and `..`. */
const DOTS = 2n;
/** The position after the oldest entry. */
const END = 0x7fff_ffffn;

/**
 * Whether the kernel has started again with the entry that it returned for the position `at`, and after which it
 * reports the position `behind`. `reopen` opens the directory. It is called only if the positions rise, which they do
 * not from a newer entry to an older one.
 */
export function beganAnew(mount: Mount, reopen: () => number, at: bigint, behind: bigint): boolean {
  if (mount.type !== Magic.TMPFS || at <= DOTS || behind < at || mount.listsUpwards) return false;
  const fd = reopen();
  try {
    const reader = new DirentReader();
    const next = () => {
      if (reader.next(fd) < 0) throw lastError('getdents64');
      return reader.cookie;
    };
    next(); // `.`, whose position tells nothing
    const newest = next(); // the position after `..`
    const second = next(); // the position after the newest entry
    if (second === END) return newest > at; // the only entry: it is what comes at `at`, or it is newer
    mount.listsUpwards = second > newest;
    // With two or more entries only the oldest one is at the end, and it does not come first.
    return !mount.listsUpwards && behind !== END;
  } finally {
    close(fd);
  }
}
