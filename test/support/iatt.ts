import { FileType, type Iatt } from '#src/graph/iatt.ts';

/** A gfid that ends in `number`. Number 1 is the root's gfid. */
export function gfidOf(number: number): Buffer {
  const gfid = Buffer.alloc(16);
  gfid.writeUInt32BE(number, 12);
  return gfid;
}

/** Attributes of an ordinary file, with `parts` in place of the defaults. */
export function iattOf(parts: Partial<Iatt> = {}): Iatt {
  return {
    gfid: gfidOf(2),
    type: FileType.REG,
    mode: 0o644,
    nlink: 1,
    uid: 0,
    gid: 0,
    size: 0,
    used: 0,
    rdevMajor: 0,
    rdevMinor: 0,
    fsid: 1n,
    ino: 2n,
    atime: 0,
    atimeNsec: 0,
    mtime: 0,
    mtimeNsec: 0,
    ctime: 0,
    ctimeNsec: 0,
    ...parts,
  };
}
