/** Listing a directory (RFC 1813, 3.3.16 and 3.3.17), and how many bytes a listing takes. */
import { bool, type Infer, list, struct, uint32, uint64 } from '../xdr/codec.ts';
import { padOf, type XdrWriter } from '../xdr/stream.ts';
import { ENTRIES_MAX } from './constants.ts';
import { cookieverf3, filename3, nfs_fh3, post_op_attr, post_op_fh3, result3 } from './types.ts';

export const READDIR3args = struct({ dir: nfs_fh3, cookie: uint64, cookieverf: cookieverf3, count: uint32 });
export type READDIR3args = Infer<typeof READDIR3args>;

export const entry3 = struct({ fileid: uint64, name: filename3, cookie: uint64 });
export type entry3 = Infer<typeof entry3>;
export const dirlist3 = struct({ entries: list(entry3, ENTRIES_MAX), eof: bool });
export type dirlist3 = Infer<typeof dirlist3>;

export const READDIR3resok = struct({ dir_attributes: post_op_attr, cookieverf: cookieverf3, reply: dirlist3 });
export const READDIR3res = result3(READDIR3resok, struct({ dir_attributes: post_op_attr }));
export type READDIR3res = Infer<typeof READDIR3res>;

export const READDIRPLUS3args = struct({
  dir: nfs_fh3,
  cookie: uint64,
  cookieverf: cookieverf3,
  dircount: uint32,
  maxcount: uint32,
});
export type READDIRPLUS3args = Infer<typeof READDIRPLUS3args>;

export const entryplus3 = struct({
  fileid: uint64,
  name: filename3,
  cookie: uint64,
  name_attributes: post_op_attr,
  name_handle: post_op_fh3,
});
export type entryplus3 = Infer<typeof entryplus3>;
export const dirlistplus3 = struct({ entries: list(entryplus3, ENTRIES_MAX), eof: bool });
export type dirlistplus3 = Infer<typeof dirlistplus3>;

export const READDIRPLUS3resok = struct({ dir_attributes: post_op_attr, cookieverf: cookieverf3, reply: dirlistplus3 });
export const READDIRPLUS3res = result3(READDIRPLUS3resok, struct({ dir_attributes: post_op_attr }));
export type READDIRPLUS3res = Infer<typeof READDIRPLUS3res>;

/** The length of a boolean or a count. */
const UNIT = 4;
const FATTR3_BYTES = 84;
/** The length of a post_op_attr that has attributes. */
const ATTR_BYTES = UNIT + FATTR3_BYTES;

/** The length of a READDIR3resok or READDIRPLUS3resok without entries: attributes, verifier, end of the list, eof. */
export const LIST_BYTES = ATTR_BYTES + 8 + UNIT + UNIT;

/** The length of an entry3 with the TRUE before it, which is what an entry adds to a READDIR3resok. */
export const entry3Bytes = (name: string): number => UNIT + 8 + UNIT + name.length + padOf(name.length) + 8;

/**
 * The length of an entryplus3 with the TRUE before it. `handleBytes` is 0 for an entry without attributes and handle.
 * `dircount` counts only {@link entry3Bytes} of it.
 */
export function entryplus3Bytes(name: string, handleBytes: number): number {
  const more = handleBytes === 0 ? UNIT + UNIT : ATTR_BYTES + UNIT + UNIT + handleBytes + padOf(handleBytes);
  return entry3Bytes(name) + more;
}

/** The attributes of a listed object without its file id. Times are in seconds from 1970 and nanoseconds. */
export interface ListedAttributes {
  readonly type: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly used: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly fsid: bigint;
  readonly atime: number;
  readonly atimeNsec: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  readonly ctime: number;
  readonly ctimeNsec: number;
}

const TWO_32 = 0x1_0000_0000;
const UINT32_MAX = 0xffff_ffff;

/** An nfstime3 reaches from 1970 to 2106; a time outside of that becomes the nearest end. */
export const secondsOf = (time: number): number => (time < 0 ? 0 : time > UINT32_MAX ? UINT32_MAX : time);

/** Writes an entry with attributes and a handle, and the TRUE before it. */
export function writeEntryplus3(
  to: XdrWriter,
  name: string,
  fileid: bigint,
  cookie: bigint,
  of: ListedAttributes,
  handle: Buffer,
): void {
  writeEntry3(to, name, fileid, cookie);
  const at = to.reserve(ATTR_BYTES);
  const { view } = to;
  view.setUint32(at, 1);
  view.setUint32(at + 4, of.type);
  view.setUint32(at + 8, of.mode);
  view.setUint32(at + 12, of.nlink);
  view.setUint32(at + 16, of.uid);
  view.setUint32(at + 20, of.gid);
  const { size, used } = of;
  const sizeHigh = Math.floor(size / TWO_32);
  const usedHigh = Math.floor(used / TWO_32);
  view.setUint32(at + 24, sizeHigh);
  view.setUint32(at + 28, size - sizeHigh * TWO_32);
  view.setUint32(at + 32, usedHigh);
  view.setUint32(at + 36, used - usedHigh * TWO_32);
  view.setUint32(at + 40, of.rdevMajor);
  view.setUint32(at + 44, of.rdevMinor);
  view.setBigUint64(at + 48, of.fsid);
  view.setBigUint64(at + 56, fileid);
  view.setUint32(at + 64, secondsOf(of.atime));
  view.setUint32(at + 68, of.atimeNsec);
  view.setUint32(at + 72, secondsOf(of.mtime));
  view.setUint32(at + 76, of.mtimeNsec);
  view.setUint32(at + 80, secondsOf(of.ctime));
  view.setUint32(at + 84, of.ctimeNsec);
  to.uint32(1);
  to.opaque(handle);
}

/** Writes an entry that has neither attributes nor a handle. */
export function writeBareEntryplus3(to: XdrWriter, name: string, fileid: bigint, cookie: bigint): void {
  writeEntry3(to, name, fileid, cookie);
  to.uint32(0);
  to.uint32(0);
}

function writeEntry3(to: XdrWriter, name: string, fileid: bigint, cookie: bigint): void {
  to.uint32(1);
  to.uint64(fileid);
  to.string(name);
  to.uint64(cookie);
}
