import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { S_IFMT } from '../../../sys/constants.ts';
import { stat } from '../../../sys/statx.ts';
import type { Known } from './known.ts';

/** By the four bits of the mode's type. */
const TYPES: readonly FileType[] = (() => {
  const types: FileType[] = new Array<FileType>(16).fill(FileType.REG);
  types[0o01] = FileType.FIFO;
  types[0o02] = FileType.CHR;
  types[0o04] = FileType.DIR;
  types[0o06] = FileType.BLK;
  types[0o10] = FileType.REG;
  types[0o12] = FileType.LNK;
  types[0o14] = FileType.SOCK;
  return types;
})();

export const typeOfMode = (mode: number): FileType => TYPES[(mode & S_IFMT) >> 12]!;

/** What `stat` has just told of `known`. */
export function iattOf(known: Known): Iatt {
  const mode = stat.mode;
  const iatt: { -readonly [K in keyof Iatt]: Iatt[K] } = {
    gfid: known.gfid,
    type: typeOfMode(mode),
    mode: mode & 0o7777,
    nlink: stat.nlink,
    uid: stat.uid,
    gid: stat.gid,
    size: stat.size,
    used: stat.used,
    rdevMajor: stat.rdevMajor,
    rdevMinor: stat.rdevMinor,
    fsid: known.mount.fsid,
    ino: stat.ino,
    atime: stat.atime,
    atimeNsec: stat.atimeNsec,
    mtime: stat.mtime,
    mtimeNsec: stat.mtimeNsec,
    ctime: stat.ctime,
    ctimeNsec: stat.ctimeNsec,
  };
  if (known.hint !== undefined) iatt.hint = known.hint;
  return iatt;
}
