/** getdents64(2): lists a directory into a buffer, which can be read again from any cookie in it. */
import { SEEK_SET } from '../constants.ts';
import { addressOf, getdents64, lseek } from '../libc.ts';

/** The position that several file systems report after the last entry. None has any entry behind it. */
export const END = 0x7fff_ffff_ffff_ffffn;

const BYTES_DEFAULT = 32 * 1024;
/**
 * The first read at a new position is small: while the directory changes, a client that lists in small pages uses only
 * one page of it.
 */
const BYTES_FIRST = 4096;
/** The offsets in a linux_dirent64: ino has 8 bytes, off 8, reclen 2, type 1, and the name follows. */
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;
const DT_DIR = 4;
const LOW_32 = 0xffff_ffffn;

/** A position in a directory's listing, on an open descriptor that nothing else reads. */
export class DirentReader {
  readonly #buffer: Buffer;
  readonly #u64: BigUint64Array;
  readonly #u32: Uint32Array;
  readonly #u16: Uint16Array;
  readonly #address: number;
  #at = 0;
  #end = 0;
  /** The cookie behind which the entry at #at comes; `undefined` if the descriptor must be positioned first. */
  #cookie: bigint | undefined = 0n;
  /** The cookie behind which the first entry of the buffer comes. */
  #start = 0n;

  /** The beginning of the entry read last, the cookie behind which it comes, and the end of its name. */
  #lastAt = 0;
  #lastCookie = 0n;
  #nameEnd = 0;
  /** How many bytes are read next. */
  #ahead: number;

  /** The cookie behind the entry read last. */
  cookie = 0n;
  /** Whether the entry read last is a directory; false also if the file system does not tell. */
  isDirectory = false;

  constructor(bytes = BYTES_DEFAULT) {
    const memory = new ArrayBuffer(bytes);
    this.#buffer = Buffer.from(memory);
    this.#ahead = Math.min(BYTES_FIRST, bytes);
    this.#u64 = new BigUint64Array(memory);
    this.#u32 = new Uint32Array(memory);
    this.#u16 = new Uint16Array(memory);
    this.#address = addressOf(memory);
  }

  get name(): string {
    return this.#buffer.toString('latin1', this.#lastAt + NAME, this.#nameEnd);
  }

  /** The address of the name, which ends in NUL. Valid until the next entry is read. */
  get nameAddress(): number {
    return this.#address + this.#lastAt + NAME;
  }

  get ino(): bigint {
    return this.#u64[this.#lastAt >> 3]!;
  }

  /** Must be called when the directory has changed: forgets what was read ahead. */
  reset(): void {
    if (this.#at < this.#end) this.#cookie = undefined;
    this.#at = this.#end = 0;
  }

  /** Whether the entry that comes next was read ahead and is exactly at `position`, not somewhere behind it. */
  isExactly(position: bigint): boolean {
    const at = position === this.#cookie ? this.#at : this.#positionOf(position);
    return at > 0 && at < this.#end;
  }

  /** The cookie behind which the next entry comes; valid after a {@link seek}. */
  get here(): bigint {
    return this.#cookie!;
  }

  /** The cookie behind which the entry read last comes. */
  get position(): bigint {
    return this.#lastCookie;
  }

  /** Whether {@link seek} to `cookie` needs no system call. */
  isAt(cookie: bigint): boolean {
    return cookie === this.#cookie;
  }

  /** Whether the entry behind `cookie` is in the buffer. */
  holds(cookie: bigint): boolean {
    return this.#positionOf(cookie) >= 0;
  }

  /** Puts the entry read last back, so that it is read again next. Must not be called twice in a row. */
  back(): void {
    this.#at = this.#lastAt;
    this.#cookie = this.#lastCookie;
  }

  /** Moves to the position behind `cookie` (0n: to the start). Returns 0, or -1 with errno. */
  seek(fd: number, cookie: bigint): number {
    if (cookie === this.#cookie) return 0;
    const at = this.#positionOf(cookie);
    if (at >= 0) {
      this.#at = at;
      this.#cookie = cookie;
      return 0;
    }
    this.#at = this.#end = 0;
    this.#ahead = Math.min(BYTES_FIRST, this.#buffer.length);
    this.#cookie = undefined;
    if (lseek(fd, BigInt.asIntN(64, cookie), SEEK_SET) < 0) return -1;
    this.#cookie = cookie;
    return 0;
  }

  /** Reads the next entry. Returns 1, 0 at the end, or -1 with errno. */
  next(fd: number): number {
    if (this.#at >= this.#end) {
      const count = getdents64(fd, this.#buffer, this.#ahead);
      if (count <= 0) return count;
      this.#ahead = Math.min(2 * this.#ahead, this.#buffer.length);
      this.#at = 0;
      this.#end = count;
      this.#start = this.#cookie!;
    }
    const at = this.#at;
    const next = at + this.#u16[(at + RECLEN) >> 1]!;
    this.#lastAt = at;
    this.#lastCookie = this.#cookie!;
    this.cookie = this.#cookie = this.#u64[(at >> 3) + 1]!;
    this.isDirectory = this.#buffer[at + TYPE] === DT_DIR;
    // The record is padded to a multiple of 8 bytes, so the NUL is among its last 8. The padding may hold any bytes.
    let end = Math.max(at + NAME, next - 8);
    while (this.#buffer[end] !== 0) end++;
    this.#nameEnd = end;
    this.#at = next;
    return 1;
  }

  /** Returns where in the buffer the entry behind `cookie` begins; -1 if it is not in the buffer. */
  #positionOf(cookie: bigint): number {
    if (this.#end === 0) return -1;
    if (cookie === this.#start) return 0;
    const low = Number(cookie & LOW_32);
    const high = Number(cookie >> 32n);
    for (let at = 0; at < this.#end;) {
      const found = this.#u32[(at >> 2) + 2] === low && this.#u32[(at >> 2) + 3] === high;
      at += this.#u16[(at + RECLEN) >> 1]!;
      if (found) return at;
    }
    return -1;
  }
}
