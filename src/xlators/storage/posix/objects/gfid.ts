/**
 * How gfids are made. A gfid says which file system it is about (the tag) and which object. Most gfids simply hold the
 * kernel's handle, so that an object is found again without anything having been remembered:
 *
 *     00 00 00 | 00      | 00 … 01      the volume's root
 *     tag (3)  | type    | handle       a handle of at most 12 bytes, zero padded, of the kernel's type
 *     tag (3)  | HASHED  | hash         a longer handle: the handle itself is in the hint, as tag, type, handle
 *     tag (3)  | INDEXED | hash         no handle: a hash of inode number and birth time, by which the index finds the
 *                                       object; without birth times a random number, which the index remembers
 *
 * The tag is 0 for the file system of the volume's root, and a hash for one that is mounted below it.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import { HINT_MAX } from '../../../../graph/iatt.ts';
import { Magic } from '../../../../sys/constants.ts';

/** The bytes of tag and type. */
const HEAD = 4;
/** The longest kernel handle that a gfid itself can hold, and the longest that a hint can hold, in bytes. */
const DIRECT_MAX = 12;
export const HINTED_MAX = HINT_MAX - HEAD;
/** Types that no file system of Linux gives its handles. */
const HASHED = 0xf0;
const INDEXED = 0xf1;

export const isRoot = (gfid: Buffer): boolean => gfid[15] === 1 && gfid.equals(ROOT_GFID);

export interface GfidAndHint {
  readonly gfid: Buffer;
  readonly hint: Buffer | undefined;
}

function head(tag: number, type: number, size: number): Buffer {
  const bytes = Buffer.alloc(size); // most are only compared: what is kept is copied, see kept-bytes.ts
  bytes.writeUIntBE(tag, 0, 3);
  bytes[3] = type;
  return bytes;
}

const usable = (type: number, bytes: Buffer) =>
  type > 0 && type <= 0xff && type !== HASHED && type !== INDEXED && bytes.length <= HINTED_MAX;

/**
 * Makes a gfid of a kernel handle. Most handles of its file system have `usual` bytes. `undefined` if the handle does
 * not fit.
 */
export function gfidOfHandle(tag: number, type: number, bytes: Buffer, usual: number): GfidAndHint | undefined {
  if (!usable(type, bytes)) return undefined;
  if (bytes.length === usual && usual <= DIRECT_MAX) {
    const gfid = head(tag, type, 16);
    bytes.copy(gfid, HEAD);
    return { gfid, hint: undefined };
  }
  const hint = head(tag, type, HEAD + bytes.length);
  bytes.copy(hint, HEAD);
  const gfid = head(tag, HASHED, 16);
  createHash('sha256').update(hint).digest().copy(gfid, HEAD, 0, 12);
  return { gfid, hint };
}

/** Makes the gfid of an object that the index finds again. */
export function gfidOfInode(tag: number, ino: number | bigint, btime: number, btimeNsec: number): GfidAndHint {
  const gfid = head(tag, INDEXED, 16);
  createHash('sha256').update(`${ino} ${btime} ${btimeNsec}`).digest().copy(gfid, HEAD, 0, 12);
  return { gfid, hint: undefined };
}

/** Makes a gfid for an object that nothing but the index tells from others. */
export function randomGfid(tag: number): GfidAndHint {
  const gfid = head(tag, INDEXED, 16);
  randomFillSync(gfid, HEAD, 12);
  return { gfid, hint: undefined };
}

/** A kernel handle: `length` bytes from `at` on in `bytes`. */
export interface HandleAt {
  readonly type: number;
  readonly bytes: Buffer;
  readonly at: number;
  readonly length: number;
}

/** Returns the number of the file system in a gfid or a hint. */
export const tagOf = (gfid: Buffer): number => gfid.readUIntBE(0, 3);

/** Returns the kernel handle that a gfid or its hint holds; `undefined` if it must be found by the index. */
export function handleOf(gfid: Buffer, hint: Buffer | undefined, usual: number): HandleAt | undefined {
  if (gfid[3] === INDEXED) return undefined;
  if (gfid[3] === HASHED) {
    return hint && hint.length > HEAD
      ? { type: hint[3]!, bytes: hint, at: HEAD, length: hint.length - HEAD }
      : undefined;
  }
  return { type: gfid[3]!, bytes: gfid, at: HEAD, length: usual };
}

/**
 * Returns the inode number that a handle holds; `undefined` if its file system is not one of those whose handles are
 * understood here. The types and layouts are those that each file system's `encode_fh` writes in the kernel.
 */
export function inoInHandle(fsType: number, { type, bytes, at, length }: HandleAt): number | bigint | undefined {
  switch (fsType) {
    case Magic.EXT4:
    case Magic.F2FS:
      return type === 1 && length === 8 ? bytes.readUInt32LE(at) : undefined;
    case Magic.XFS:
      if (type === 1) return bytes.readUInt32LE(at);
      return type === 0x81 && length >= 12 ? key64(bytes, at) : undefined;
    case Magic.TMPFS:
      return type === 1 && length === 12 ? key64(bytes, at + 4) : undefined;
    default:
      return undefined;
  }
}

/** Reads an inode number of 64 bits, in the form of `Stat.inoKey`: a Number if it is a safe integer. */
function key64(bytes: Buffer, at: number): number | bigint {
  const high = bytes.readUInt32LE(at + 4);
  return high > 0x1f_ffff ? bytes.readBigUInt64LE(at) : high * 0x1_0000_0000 + bytes.readUInt32LE(at);
}
