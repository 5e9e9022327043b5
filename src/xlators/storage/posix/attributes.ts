import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFSOCK } from '../../../sys/constants.ts';
import { stat } from '../../../sys/files/statx.ts';
import type { PosixObject } from './objects/object.ts';

/** By the four bits of the mode's type. */
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

/** What `stat` has just told of `object`. */
export function iattOf(object: PosixObject): Iatt {
  const { mode } = stat;
  if (stat.btimeNsec !== object.btimeNsec && object.mount.copiesUp) object.mount.reborn(object);
  const iatt: { -readonly [K in keyof Iatt]: Iatt[K] } = {
    gfid: object.gfid,
    type: typeOfMode(mode),
    mode: mode & 0o7777,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    used: stat.used,
    rdevMajor: stat.rdevMajor,
    rdevMinor: stat.rdevMinor,
    fsid: object.mount.fsid,
    ino: stat.ino,
    atime: stat.atime,
    atimeNsec: stat.atimeNsec,
    mtime: stat.mtime,
    mtimeNsec: stat.mtimeNsec,
    ctime: stat.ctime,
    ctimeNsec: stat.ctimeNsec,
    memo: object.memo,
  };
  if (object.hint !== undefined) iatt.hint = object.hint;
  return iatt;
}
