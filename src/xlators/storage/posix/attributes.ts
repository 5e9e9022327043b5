import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../../../sys/constants.ts';
import type { Stat } from '../../../sys/files/statx.ts';
import type { PosixObject } from './objects/object.ts';

/** The types by the four bits that stand for them in a mode. */
const TYPES: readonly FileType[] = Array.from({ length: 16 }, (_, bits) => {
  switch (bits << 12) {
    case S_IFDIR:
      return FileType.DIR;
    case S_IFLNK:
      return FileType.LNK;
    case S_IFBLK:
      return FileType.BLK;
    case S_IFCHR:
      return FileType.CHR;
    case S_IFIFO:
      return FileType.FIFO;
    case S_IFSOCK:
      return FileType.SOCK;
    default:
      return FileType.REG;
  }
});

export const typeOfMode = (mode: number): FileType => TYPES[(mode & S_IFMT) >> 12]!;

/** Makes the attributes of `object`, which `seen` describes. */
export function iattOf(object: PosixObject, seen: Stat): Iatt {
  const { mode } = seen;
  const iatt: { -readonly [K in keyof Iatt]: Iatt[K] } = {
    gfid: object.gfid,
    type: typeOfMode(mode),
    mode: mode & 0o7777,
    nlink: seen.nlink,
    uid: seen.uid,
    gid: seen.gid,
    size: seen.size,
    used: seen.used,
    rdevMajor: seen.rdevMajor,
    rdevMinor: seen.rdevMinor,
    fsid: object.mount.fsid,
    ino: seen.ino,
    atime: seen.atime,
    atimeNsec: seen.atimeNsec,
    mtime: seen.mtime,
    mtimeNsec: seen.mtimeNsec,
    ctime: seen.ctime,
    ctimeNsec: seen.ctimeNsec,
    memo: object.memo,
  };
  if (object.hint !== undefined) iatt.hint = object.hint;
  return iatt;
}
