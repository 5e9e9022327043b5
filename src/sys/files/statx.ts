/**
 * statx(2) into one static buffer: ask, then read the fields before the next call. Materialising an object for each
 * call would cost more than the call.
 */
import { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW } from '../constants.ts';
import { addressOf, statx, statxAt } from '../libc.ts';

const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const STATX_MNT_ID = 0x1000;
const WANTED = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
const TWO_32 = 0x1_0000_0000;
/** Above it a 64-bit number is no safe integer. */
const SAFE_HIGH = 0x1f_ffff;

const STATX_BYTES = 256;
const memory = new ArrayBuffer(STATX_BYTES + 8);
/** The answer, and an empty name behind it. */
const into = addressOf(memory);
const empty = into + STATX_BYTES;
const u16 = new Uint16Array(memory);
const u32 = new Uint32Array(memory);
const i32 = new Int32Array(memory);
const u64 = new BigUint64Array(memory);

/** Asks for an open descriptor's object. 0, or -1 with errno. */
export const statFd = (fd: number): number => statxAt(fd, empty, AT_EMPTY_PATH, WANTED, into);

/** Asks for the object called `name` (see names.ts), not following it if it is a symlink. */
export const statName = (dirfd: number, name: Buffer): number =>
  statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, WANTED, into);

/** As {@link statName}, of the name at that address. */
export const statNameAt = (dirfd: number, address: number): number =>
  statxAt(dirfd, address, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, WANTED, into);

// Small numbers are kept apart from the arithmetic: V8 has them without an allocation.
const size64 = (at: number): number => (u32[at + 1] === 0 ? u32[at]! : u32[at + 1]! * TWO_32 + u32[at]!);
/** Seconds: signed. */
const sec = (at: number): number => {
  const low = i32[at]!;
  return i32[at + 1] === 0 && low >= 0 ? low : i32[at + 1]! * TWO_32 + u32[at]!;
};

/** A class, not a literal: V8 inlines accessors of prototypes only. */
// prettier-ignore
class Stat {
  get nlink() { return u32[4]!; }
  get uid() { return u32[5]!; }
  get gid() { return u32[6]!; }
  /** With the type. */
  get mode() { return u16[14]!; }
  get ino() { return u64[4]!; }
  /** The inode number as a key: a Number if it is a safe one. */
  get inoKey(): number | bigint { return u32[9]! > SAFE_HIGH ? u64[4]! : size64(8); }
  get size() { return size64(10); }
  get used() { return size64(12) * 512; }
  get atime() { return sec(16); }
  get atimeNsec() { return u32[18]!; }
  get hasBtime() { return (u32[0]! & STATX_BTIME) !== 0; }
  get btime() { return sec(20); }
  get btimeNsec() { return u32[22]!; }
  get ctime() { return sec(24); }
  get ctimeNsec() { return u32[26]!; }
  get mtime() { return sec(28); }
  get mtimeNsec() { return u32[30]!; }
  get rdevMajor() { return u32[32]!; }
  get rdevMinor() { return u32[33]!; }
  /** The device number as one key. */
  get dev() { return u32[34]! * TWO_32 + u32[35]!; }
  /** Which mount the object was reached through; 0 on kernels that do not say (before 5.8). */
  get mountId() { return (u32[0]! & STATX_MNT_ID) !== 0 ? size64(36) : 0; }
}

/** The last answer's fields. */
export const stat = new Stat();
