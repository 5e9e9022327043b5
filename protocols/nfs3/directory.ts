/** Listing a directory (RFC 1813, 3.3.16 and 3.3.17), and how many bytes a listing takes. */
import { bool, type Infer, list, struct, uint32, uint64 } from '../xdr/codec.ts';
import { padOf } from '../xdr/stream.ts';
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
