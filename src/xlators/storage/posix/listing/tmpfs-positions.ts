/**
 * Since Linux 6.14 tmpfs lists from the newest entry to the oldest, and a position is the number of the entry that
 * comes next. An entry that takes the place of another has the number of that one, but is listed as the newest. If the
 * entry of a position is gone and there is no older one, the kernel starts again with the newest entry instead of ending. A
 * listing that continues at such a position would show the whole directory a second time.
 */
import { Magic } from '../../../../sys/constants.ts';
import { DirentReader } from '../../../../sys/files/dirents.ts';
import { lastError } from '../../../../sys/failure.ts';
import { close } from '../../../../sys/libc.ts';
import type { Mount } from '../objects/mount.ts';

/** The last position that belongs to `.` and `..`. */
const DOTS = 2n;

/** The entry that a listing shows first, after `.` and `..`. */
export interface Newest {
  readonly name: string;
  readonly position: bigint;
}

/**
 * Whether the kernel may have started again with the entry that it returned for the position `at`, and after which it
 * reports the position `behind`: then that entry is the {@link Newest}, at another position than its own. Must be asked
 * of each entry, since it learns from them which way the kernel lists.
 */
export function mayHaveBegunAnew(mount: Mount, at: bigint, behind: bigint): boolean {
  if (mount.type !== Magic.TMPFS || at <= DOTS) return false;
  if (behind >= at) return mount.listsDownwards;
  mount.listsDownwards = true;
  return false;
}

/** Finds the newest entry of a directory that `reopen` opens; `undefined` if it is empty. */
export function newestOf(reopen: () => number): Newest | undefined {
  const fd = reopen();
  try {
    const reader = new DirentReader();
    const next = () => {
      const found = reader.next(fd);
      if (found < 0) throw lastError('getdents64');
      return found > 0;
    };
    next(); // `.`
    next(); // `..`
    return next() ? { name: reader.name, position: reader.position } : undefined;
  } finally {
    close(fd);
  }
}
