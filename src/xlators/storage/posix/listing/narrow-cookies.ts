/**
 * Cookies of 32 bits, for clients that take no others (nfs.enable-ino32).
 *
 * The kernel's positions in a directory (d_off) are small numbers on xfs, btrfs, tmpfs, overlayfs and ext4 without
 * dir_index: they are cookies as they are. ext4 sorts a directory by a hash of 31 + 32 bits of the names (major, minor),
 * and an entry's d_off is the hash of the next one. Of that the major half is the cookie: the kernel goes on at the first
 * entry that has it or more. Few entries have the major half in common (230 pairs among a million): between those two a
 * cookie tells where they are, roughly, and by the minor half which one is the next.
 *
 *     0 | major (31)                         at the first entry with that major half or a greater one
 *     1 | major's top (22) | minor's top (9) at the one of several with the same major half
 *
 * So a cookie means the same after a restart. The positions that pages ended at are remembered besides, which is exact.
 */
import { Magic } from '../../../../sys/constants.ts';
import { DirentReader } from '../../../../sys/files/dirents.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { close } from '../../../../sys/libc.ts';
import type { Mount } from '../objects/mount.ts';

/** What several file systems say behind the last entry. */
const END = 0x7fff_ffff_ffff_ffffn;
const END_32 = 0xffff_ffffn;
const SHARED = 0x8000_0000n;
const MAJOR_BIT = 32n;
const MINOR_BITS = 9n;
const BUCKET_BITS = MAJOR_BIT + MINOR_BITS;
const RECENT_MAX = 1024;
/** Bytes of entries that are read to see what comes next. */
const PEEK_BYTES = 1024;

const majorOf = (position: bigint) => position >> MAJOR_BIT;
const sharedCookie = (position: bigint) =>
  SHARED | ((position >> BUCKET_BITS) << MINOR_BITS) | ((position >> (MAJOR_BIT - MINOR_BITS)) & 0x1ffn);

/** The positions behind the entries from `from` on, until one is at least `end`: that is left out. */
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

/** The position behind the first entry from `from` on, if another one is there. */
const behindFirst = (fd: number, from: bigint): bigint | undefined => positions(fd, from, END, 1)[0];

/** Whether the first entry from `position` on, if that is no entry's own, has the same major half as the next. */
function firstIsShared(fd: number, position: bigint): boolean {
  const behind = behindFirst(fd, position);
  // Either the same entry is the first one with that major half, or the next one is.
  return behind !== undefined && behindFirst(fd, majorOf(behind) << MAJOR_BIT) === behind;
}

/** Looks at the neighbours of a cookie among several. If both have gone, some are rather given twice than one never. */
function amongShared(fd: number, cookie: bigint): bigint {
  const start = ((cookie & ~SHARED) >> MINOR_BITS) << BUCKET_BITS;
  const near = positions(fd, start, start + (1n << BUCKET_BITS));
  const found = near.find((position, i) => {
    if (sharedCookie(position) !== cookie) return false;
    return i === 0 ? firstIsShared(fd, start) : majorOf(near[i - 1]!) === majorOf(position);
  });
  return found ?? start;
}

/** Of one directory. `open` gives a descriptor that may be read from anywhere, and is closed here. */
export class NarrowCookies {
  readonly #mount: Mount;
  readonly #recent = new Map<bigint, bigint>();
  #hashed: boolean | undefined;

  constructor(mount: Mount) {
    this.#mount = mount;
  }

  /** Where to go on behind `cookie`. */
  positionOf(open: () => number, cookie: bigint): bigint {
    if (cookie === 0n) return 0n;
    const recent = this.#recent.get(cookie);
    if (recent !== undefined) return recent;
    if (!this.#isHashed(open)) return cookie === END_32 ? END : cookie;
    return cookie < SHARED ? cookie << MAJOR_BIT : withOpen(open, fd => amongShared(fd, cookie));
  }

  /** Whether the first entry from `position` on has the same major half as the one behind it. */
  firstIsShared(open: () => number, position: bigint): boolean {
    return this.#isHashed(open) && withOpen(open, fd => firstIsShared(fd, position));
  }

  /** The cookie behind an entry at `own` whose d_off is `behind`. EOVERFLOW if 32 bits cannot tell it. */
  cookieOf(own: bigint, behind: bigint): bigint {
    if (this.#hashed === true) return majorOf(own) === majorOf(behind) ? sharedCookie(behind) : majorOf(behind);
    if (behind < END_32) return behind;
    if (behind === END) return END_32;
    throw fsError('EOVERFLOW', `this file system's listings have no cookies of 32 bits: ${behind}`);
  }

  /** A page ended there. */
  remember(cookie: bigint, position: bigint): void {
    this.#recent.delete(cookie);
    this.#recent.set(cookie, position);
    if (this.#recent.size > RECENT_MAX) this.#recent.delete(this.#recent.keys().next().value!);
  }

  #isHashed(open: () => number): boolean {
    this.#hashed ??=
      this.#mount.type === Magic.EXT4 && withOpen(open, fd => majorOf(positions(fd, 0n, END + 1n, 1)[0] ?? 0n) !== 0n);
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
