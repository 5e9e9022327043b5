/**
 * How gfids are made. A gfid says which file system (tag) and which object, and mostly it simply holds the kernel's
 * handle, so that an object is found again with no memory of it:
 *
 *     00 00 00 | 00      | 00 … 01      the volume's root
 *     tag (3)  | type    | handle       a handle of at most 12 bytes, zero padded, of the kernel's type
 *     tag (3)  | HASHED  | hash         a longer handle: the handle itself is in the hint, as tag, type, handle
 *     tag (3)  | INDEXED | hash         no handle to be had: of inode number and birth time, found by the index; or by
 *                                       chance where there are no birth times, and the index remembers whose it is
 *
 * The tag is 0 for the file system of the volume's root, and a hash for one that is mounted below it.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import { HINT_MAX } from '../../../../graph/iatt.ts';
import { Magic } from '../../../../sys/constants.ts';

const HEAD = 4;
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
  const bytes = Buffer.alloc(size); // most are only compared: what is kept is copied, see lasting.ts
  bytes.writeUIntBE(tag, 0, 3);
  bytes[3] = type;
  return bytes;
}

const usable = (type: number, bytes: Buffer) =>
  type > 0 && type <= 0xff && type !== HASHED && type !== INDEXED && bytes.length <= HINTED_MAX;

/** Of a kernel handle, in a file system whose handles commonly have `usual` bytes; `undefined` if it does not fit. */
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

/** Of an object that the index finds again. */
export function gfidOfInode(tag: number, ino: number | bigint, btime: number, btimeNsec: number): GfidAndHint {
  const gfid = head(tag, INDEXED, 16);
  createHash('sha256').update(`${ino} ${btime} ${btimeNsec}`).digest().copy(gfid, HEAD, 0, 12);
  return { gfid, hint: undefined };
}

/** Of an object that only the index's memory tells from others. */
export function gfidByChance(tag: number): GfidAndHint {
  const gfid = head(tag, INDEXED, 16);
  randomFillSync(gfid, HEAD, 12);
  return { gfid, hint: undefined };
}

export interface HandleAt {
  readonly type: number;
  readonly bytes: Buffer;
  readonly at: number;
  readonly length: number;
}

export const tagOf = (gfid: Buffer): number => gfid.readUIntBE(0, 3);

/** The kernel handle that a gfid or its hint holds; `undefined` if it must be found by the index. */
export function handleOf(gfid: Buffer, hint: Buffer | undefined, usual: number): HandleAt | undefined {
  if (gfid[3] === INDEXED) return undefined;
  if (gfid[3] === HASHED) {
    return hint && hint.length > HEAD
      ? { type: hint[3]!, bytes: hint, at: HEAD, length: hint.length - HEAD }
      : undefined;
  }
  return { type: gfid[3]!, bytes: gfid, at: HEAD, length: usual };
}

/** The inode number that a handle holds, for the file systems whose handles we can read; otherwise `undefined`. */
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

/** As `stat.inoKey`: a Number if it is a safe one. */
function key64(bytes: Buffer, at: number): number | bigint {
  const high = bytes.readUInt32LE(at + 4);
  return high > 0x1f_ffff ? bytes.readBigUInt64LE(at) : high * 0x1_0000_0000 + bytes.readUInt32LE(at);
}
