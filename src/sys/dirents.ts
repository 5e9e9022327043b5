/** getdents64(2): the kernel's listing of a directory, in a buffer that can be read again from any cookie in it. */
import { SEEK_SET } from './constants.ts';
import { getdents64, lseek } from './libc.ts';

const BYTES = 32 * 1024;
/** linux_dirent64: ino 8, off 8, reclen 2, type 1, name. */
const RECLEN = 16;
const TYPE = 18;
const NAME = 19;
const DT_DIR = 4;

/** A position in a directory's listing, on an open descriptor that nobody else reads. */
export class DirentReader {
  readonly #memory = new ArrayBuffer(BYTES);
  readonly #buffer = Buffer.from(this.#memory);
  readonly #u64 = new BigUint64Array(this.#memory);
  #at = 0;
  #end = 0;
  /** Behind which cookie the entry at #at comes; undefined when the descriptor must be positioned first. */
  #cookie: bigint | undefined = 0n;
  /** … and the first one of the buffer. */
  #start = 0n;

  /** Of the entry read last: where it begins, and behind which cookie it comes. */
  #lastAt = 0;
  #lastCookie = 0n;

  name = '';
  ino = 0n;
  /** Behind the entry read last. */
  cookie = 0n;
  /** False also if the file system does not say. */
  isDirectory = false;

  /** Forgets what was read ahead, as the directory has changed. */
  reset(): void {
    if (this.#at < this.#end) this.#cookie = undefined;
    this.#at = this.#end = 0;
  }

  /** Whether {@link seek} to `cookie` needs no system call. */
  isAt(cookie: bigint): boolean {
    return cookie === this.#cookie;
  }

  /** Whether it is in the buffer. */
  holds(cookie: bigint): boolean {
    return this.#positionOf(cookie) >= 0;
  }

  /** Takes the entry read last back: it is read again next. Not twice in a row. */
  back(): void {
    this.#at = this.#lastAt;
    this.#cookie = this.#lastCookie;
  }

  /** Goes to behind `cookie` (0n: to the start). 0, or -1 with errno. */
  seek(fd: number, cookie: bigint): number {
    if (cookie === this.#cookie) return 0;
    const at = this.#positionOf(cookie);
    if (at >= 0) {
      this.#at = at;
      this.#cookie = cookie;
      return 0;
    }
    this.#at = this.#end = 0;
    this.#cookie = undefined;
    if (lseek(fd, BigInt.asIntN(64, cookie), SEEK_SET) < 0) return -1;
    this.#cookie = cookie;
    return 0;
  }

  /** Reads the next entry into `name`, `ino` and `cookie`. 1, 0 at the end, or -1 with errno. */
  next(fd: number): number {
    if (this.#at >= this.#end) {
      const count = getdents64(fd, this.#buffer, BYTES);
      if (count <= 0) return count;
      this.#at = 0;
      this.#end = count;
      this.#start = this.#cookie!;
    }
    const at = this.#at;
    const next = at + this.#buffer.readUInt16LE(at + RECLEN);
    this.#lastAt = at;
    this.#lastCookie = this.#cookie!;
    this.ino = this.#u64[at >> 3]!;
    this.cookie = this.#cookie = this.#u64[(at >> 3) + 1]!;
    this.isDirectory = this.#buffer[at + TYPE] === DT_DIR;
    // The record is padded to 8 bytes (with whatever was there), so its NUL is among the last 8.
    let end = Math.max(at + NAME, next - 8);
    while (this.#buffer[end] !== 0) end++;
    this.name = this.#buffer.toString('latin1', at + NAME, end);
    this.#at = next;
    return 1;
  }

  /** Where in the buffer the entry behind `cookie` begins; -1 if that is elsewhere. */
  #positionOf(cookie: bigint): number {
    if (this.#end === 0) return -1;
    if (cookie === this.#start) return 0;
    for (let at = 0; at < this.#end;) {
      const found = this.#u64[(at >> 3) + 1] === cookie;
      at += this.#buffer.readUInt16LE(at + RECLEN);
      if (found) return at;
    }
    return -1;
  }
}
