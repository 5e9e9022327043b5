/** getdents64(2): the kernel's listing of a directory, in a buffer that can be read again from any cookie in it. */
import { SEEK_SET } from './constants.ts';
import { getdents64, lseek } from './libc.ts';

const BYTES = 32 * 1024;
/** linux_dirent64: ino 8, off 8, reclen 2, type 1, name. */
const RECLEN = 16;
const NAME = 19;

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

  name = '';
  ino = 0n;
  /** Behind the entry read last. */
  cookie = 0n;

  /** Forgets what was read ahead, as the directory has changed. */
  reset(): void {
    if (this.#at < this.#end) this.#cookie = undefined;
    this.#at = this.#end = 0;
  }

  /** Whether {@link seek} to `cookie` needs no system call. */
  isAt(cookie: bigint): boolean {
    return cookie === this.#cookie;
  }

  /** Goes to behind `cookie` (0n: to the start). 0, or -1 with errno. */
  seek(fd: number, cookie: bigint): number {
    if (cookie === this.#cookie || this.#find(cookie)) return 0;
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
    this.ino = this.#u64[at >> 3]!;
    this.cookie = this.#cookie = this.#u64[(at >> 3) + 1]!;
    // The record is padded to 8 bytes (with whatever was there), so its NUL is among the last 8.
    let end = Math.max(at + NAME, next - 8);
    while (this.#buffer[end] !== 0) end++;
    this.name = this.#buffer.toString('latin1', at + NAME, end);
    this.#at = next;
    return 1;
  }

  #find(cookie: bigint): boolean {
    if (this.#end === 0) return false;
    let at = 0;
    if (cookie !== this.#start) {
      for (;;) {
        if (at >= this.#end) return false;
        const found = this.#u64[(at >> 3) + 1] === cookie;
        at += this.#buffer.readUInt16LE(at + RECLEN);
        if (found) break;
      }
    }
    this.#at = at;
    this.#cookie = cookie;
    return true;
  }
}
