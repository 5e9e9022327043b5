/**
 * Cookies of 32 bits, for clients that accept no larger ones (nfs.enable-ino32).
 *
 * The kernel's positions in a directory (d_off) are small numbers on xfs, btrfs, tmpfs, overlayfs and ext4 without
 * dir_index, and are used as cookies unchanged. ext4 sorts a directory by a hash of the names with 31 + 32 bits (major
 * and minor half), and the d_off of an entry is the hash of the next one. The cookie is the major half: the kernel
 * continues at the first entry whose major half is not smaller. Few entries have the same major half (230 pairs among a
 * million). A cookie between those holds the upper bits of both halves, by which the next entry is found.
 *
 *     0 | major (31)                         continue at the first entry with this major half or a greater one
 *     1 | major's top (22) | minor's top (9) continue at one of several entries with the same major half
 *
 * Both forms need no memory, so a cookie means the same after a restart. The positions at which pages ended are
 * remembered as well, and are exact.
 */
import { RecentCookies } from '../../../../graph/fops/cookies.ts';
import { Magic } from '../../../../sys/constants.ts';
import { DirentReader, END } from '../../../../sys/files/dirents.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { close } from '../../../../sys/libc.ts';

/** The cookie that stands for {@link END}. */
const END_32 = 0xffff_ffffn;
/** Marks a cookie between entries with the same major half. */
const SHARED = 0x8000_0000n;
/** The lowest bit of the major half in a position, and how many bits of the minor half a marked cookie holds. */
const MAJOR_BIT = 32n;
const MINOR_BITS = 9n;
/** Positions that differ only in these lower bits have the same 22 upper bits in a marked cookie. */
const BUCKET_BITS = MAJOR_BIT + MINOR_BITS;
/** The bytes of entries that are read to see what comes next. */
const PEEK_BYTES = 1024;

const majorOf = (position: bigint) => position >> MAJOR_BIT;
const sharedCookie = (position: bigint) =>
  SHARED | ((position >> BUCKET_BITS) << MINOR_BITS) | ((position >> (MAJOR_BIT - MINOR_BITS)) & 0x1ffn);

/** Returns the positions after the entries from `from` on, as long as they are below `end`. */
function positions(fd: number, from: bigint, end: bigint, max = Infinity): bigint[] {
  const found: bigint[] = [];
  const ahead = new DirentReader(PEEK_BYTES);
  if (ahead.seek(fd, from) < 0) throw lastError('seek to a cookie');
  while (found.length < max) {
    const count = ahead.next(fd);
    if (count < 0) throw lastError('getdents64');
    if (count === 0 || ahead.cookie >= end) break;
    found.push(ahead.cookie);
  }
  return found;
}

/** Returns the position after the first entry from `from` on, unless that entry is the last one. */
const behindFirst = (fd: number, from: bigint): bigint | undefined => positions(fd, from, END, 1)[0];

/** Whether the first entry after `position`, which is between two entries, has the same major half as the next one. */
function firstIsShared(fd: number, position: bigint): boolean {
  const behind = behindFirst(fd, position);
  // If the entry found by its major half is the same one, it comes first and shares the half with the next.
  return behind !== undefined && behindFirst(fd, majorOf(behind) << MAJOR_BIT) === behind;
}

/**
 * Finds the position of a cookie among entries with the same major half. If the entries on both sides of it are gone,
 * some entries are listed twice, so that none is missed.
 */
function amongShared(fd: number, cookie: bigint): bigint {
  const start = ((cookie & ~SHARED) >> MINOR_BITS) << BUCKET_BITS;
  const near = positions(fd, start, start + (1n << BUCKET_BITS));
  const found = near.find((position, i) => {
    if (sharedCookie(position) !== cookie) return false;
    return i === 0 ? firstIsShared(fd, start) : majorOf(near[i - 1]!) === majorOf(position);
  });
  return found ?? start;
}

/** The cookies of one directory. `open` returns a descriptor of it at any position, which is closed here. */
export class NarrowCookies {
  readonly #fsType: number;
  readonly #recent = new RecentCookies();
  /** Whether positions are hashes; `undefined` until that is known. */
  #hashed: boolean | undefined;

  /** `fsType` is f_type of statfs(2). */
  constructor(fsType: number) {
    this.#fsType = fsType;
  }

  /** Returns the position at which a listing continues after `cookie`. */
  positionOf(open: () => number, cookie: bigint): bigint {
    if (cookie === 0n) return 0n;
    const recent = this.#recent.positionOf(cookie);
    if (recent !== undefined) return recent;
    if (!this.#isHashed(open)) return cookie === END_32 ? END : cookie;
    return cookie < SHARED ? cookie << MAJOR_BIT : withOpen(open, fd => amongShared(fd, cookie));
  }

  /** Whether the first entry from `position` on has the same major half as the one after it. */
  firstIsShared(open: () => number, position: bigint): boolean {
    return this.#isHashed(open) && withOpen(open, fd => firstIsShared(fd, position));
  }

  /** Returns the cookie after an entry at `own` whose d_off is `behind`. EOVERFLOW if 32 bits are too few for it. */
  cookieOf(own: bigint, behind: bigint): bigint {
    if (this.#hashed === true) return majorOf(own) === majorOf(behind) ? sharedCookie(behind) : majorOf(behind);
    if (behind < END_32) return behind;
    if (behind === END) return END_32;
    throw fsError('EOVERFLOW', `this file system's listings have no cookies of 32 bits: ${behind}`);
  }

  /** Remembers the position at which a page with this last cookie ended. */
  remember(cookie: bigint, position: bigint): void {
    this.#recent.remember(cookie, position);
  }

  #isHashed(open: () => number): boolean {
    this.#hashed ??=
      this.#fsType === Magic.EXT4 && withOpen(open, fd => majorOf(positions(fd, 0n, END + 1n, 1)[0] ?? 0n) !== 0n);
    return this.#hashed;
  }
}

function withOpen<T>(open: () => number, use: (fd: number) => T): T {
  const fd = open();
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}
