/** fstatfs(2) into one static buffer, whose layout is that of every 64-bit Linux. */
import { fstatfs } from '../libc.ts';

const TWO_32 = 0x1_0000_0000;
const buffer = Buffer.alloc(120);

const u64 = (at: number): number => buffer.readUInt32LE(at + 4) * TWO_32 + buffer.readUInt32LE(at);

/** Asks about the file system that `fd` is on. Returns 0, or -1 with errno. */
export const statfsFd = (fd: number): number => fstatfs(fd, buffer);

/** The answer to the last call of {@link statfsFd}. */
export const statfs = {
  /** See `Magic` in constants.ts. */
  get type() {
    return buffer.readUInt32LE(0);
  },
  /** The unit of the counts of blocks, in bytes. */
  get blockSize() {
    return u64(72) || u64(8);
  },
  get blocks() {
    return u64(16);
  },
  get blocksFree() {
    return u64(24);
  },
  get blocksAvailable() {
    return u64(32);
  },
  get files() {
    return u64(40);
  },
  get filesFree() {
    return u64(48);
  },
  get fsid() {
    return buffer.readBigUInt64LE(56);
  },
  get nameMax() {
    return u64(64);
  },
  get flags() {
    return u64(80);
  },
};
