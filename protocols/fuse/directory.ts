/** The entries of READDIR and READDIRPLUS. */
import { type Infer, struct, uint32, uint64 } from './codec.ts';
import { fuse_entry_out } from './object.ts';

/** Precedes a name; `off` is the position from which a listing goes on after it. `type` is that of the mode, shifted. */
export const fuse_dirent = struct({ ino: uint64, off: uint64, namelen: uint32, type: uint32 });
export type fuse_dirent = Infer<typeof fuse_dirent>;

/** Entries begin at multiples of 8 bytes. */
const padded = (length: number): number => (length + 7) & ~7;

/** The bytes of an entry with a name of this length. */
export const direntBytes = (nameBytes: number, plus: boolean): number =>
  padded((plus ? fuse_entry_out.size : 0) + fuse_dirent.size + nameBytes);

/** Writes a fuse_dirent with its name and padding. Returns where the next entry begins. */
export function putDirent(to: Buffer, at: number, name: string, ino: bigint, off: bigint, type: number): number {
  fuse_dirent.encode(to, at, { ino, off, namelen: name.length, type });
  to.write(name, at + fuse_dirent.size, 'latin1');
  const end = at + fuse_dirent.size + name.length;
  const next = at + direntBytes(name.length, false);
  to.fill(0, end, next);
  return next;
}
