/**
 * statx(2). All answers of a thread are written to the same memory, since making an object for each would cost more than
 * the call. A call returns the {@link Stat} that reads this memory, and the caller hands it on: its fields hold until
 * the next call of this module, so never across an `await`.
 */
import { AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW } from '../constants.ts';
import { addressOf, statx, statxAt } from '../libc.ts';

const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;
const STATX_MNT_ID = 0x1000;
const WANTED = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID;
const TWO_32 = 0x1_0000_0000;
/** If the upper half of a 64-bit number is greater than this, the number is not a safe integer. */
const SAFE_HIGH = 0x1f_ffff;

const STATX_BYTES = 256;
const memory = new ArrayBuffer(STATX_BYTES + 8);
/** The address of the answer; an empty name follows it. */
const into = addressOf(memory);
const empty = into + STATX_BYTES;
const u16 = new Uint16Array(memory);
const u32 = new Uint32Array(memory);
const i32 = new Int32Array(memory);
const u64 = new BigUint64Array(memory);

// Small numbers are kept apart from the arithmetic: V8 has them without an allocation.
const size64 = (at: number): number => (u32[at + 1] === 0 ? u32[at]! : u32[at + 1]! * TWO_32 + u32[at]!);
/** A signed number of seconds. */
const sec = (at: number): number => {
  const low = i32[at]!;
  return i32[at + 1] === 0 && low >= 0 ? low : i32[at + 1]! * TWO_32 + u32[at]!;
};

/** The answer to a call. It is a class and no object literal, because V8 inlines the accessors of prototypes only. */
// prettier-ignore
export class Stat {
  /** What a call returns whose result was `result`: the answer, or `undefined` if it failed. Tests replace it. */
  static of(this: void, result: number): Stat | undefined { return result < 0 ? undefined : stat; }

  get nlink() { return u32[4]!; }
  get uid() { return u32[5]!; }
  get gid() { return u32[6]!; }
  /** The mode, with the bits of the type. */
  get mode() { return u16[14]!; }
  get ino() { return u64[4]!; }
  /** The inode number as a key of maps: a Number if it is a safe integer. */
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
  /** Major and minor number of the device in one Number. */
  get dev() { return u32[34]! * TWO_32 + u32[35]!; }
  /** The mount through which the object was reached; 0 on kernels before 5.8, which do not tell it. */
  get mountId() { return (u32[0]! & STATX_MNT_ID) !== 0 ? size64(36) : 0; }

  /** The memory of all answers. */
  get bytes(): Uint8Array { return new Uint8Array(memory, 0, STATX_BYTES); }
}

const stat = new Stat();

/** Asks about the object of an open descriptor. `undefined` with errno if that fails. */
export const statFd = (fd: number): Stat | undefined => Stat.of(statxAt(fd, empty, AT_EMPTY_PATH, WANTED, into));

/** Asks about the object called `name` (see names.ts), without following a symlink. `undefined` with errno if that fails. */
export const statName = (dirfd: number, name: Buffer): Stat | undefined =>
  Stat.of(statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, WANTED, into));

/** Like {@link statName}, for the name at an address. */
export const statNameAt = (dirfd: number, address: number): Stat | undefined =>
  Stat.of(statxAt(dirfd, address, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, WANTED, into));
