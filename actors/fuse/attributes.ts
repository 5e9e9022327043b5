/** The attributes of objects, as FUSE has them. */
import type { fuse_attr } from '#protocols/fuse/object.ts';
import { FileType, type Iatt } from '#src/graph/iatt.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK } from '#src/sys/constants.ts';
import type { Device } from '#src/graph/fops.ts';

const BLOCK_BYTES = 512;
/** The size of reads and writes that stat(2) recommends. */
const IO_BYTES = 4096;
const NANOSECONDS = 1e9;

const MODE: Readonly<Record<FileType, number>> = {
  [FileType.REG]: S_IFREG,
  [FileType.DIR]: S_IFDIR,
  [FileType.BLK]: S_IFBLK,
  [FileType.CHR]: S_IFCHR,
  [FileType.LNK]: S_IFLNK,
  [FileType.SOCK]: S_IFSOCK,
  [FileType.FIFO]: S_IFIFO,
};
const TYPES = new Map(Object.entries(MODE).map(([type, mode]) => [mode, Number(type) as FileType]));

/** The bits of a mode that say which type an object has. */
export const modeOfType = (type: FileType): number => MODE[type];

/** The type that a mode says; `undefined` if there is no such type. */
export const typeOfMode = (mode: number): FileType | undefined => TYPES.get(mode & S_IFMT);

/** The numbers of a device in 32 bits, as the kernel has them for user space (new_encode_dev). */
const deviceNumber = ({ major, minor }: Device): number =>
  ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;

export const deviceOf = (rdev: number): Device => ({
  major: (rdev & 0xfff00) >>> 8,
  minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
});

export function toAttr(iatt: Iatt): fuse_attr {
  return {
    ino: iatt.ino,
    size: iatt.size,
    blocks: Math.ceil(iatt.used / BLOCK_BYTES),
    atime: iatt.atime,
    mtime: iatt.mtime,
    ctime: iatt.ctime,
    atimensec: iatt.atimeNsec,
    mtimensec: iatt.mtimeNsec,
    ctimensec: iatt.ctimeNsec,
    mode: MODE[iatt.type] | iatt.mode,
    nlink: iatt.nlink,
    uid: iatt.uid,
    gid: iatt.gid,
    rdev: deviceNumber({ major: iatt.rdevMajor, minor: iatt.rdevMinor }),
    blksize: IO_BYTES,
    flags: 0,
  };
}

/** The nanoseconds of a time in seconds with a fraction. */
export const nanoseconds = (seconds: number): number => Math.round((seconds % 1) * NANOSECONDS);
