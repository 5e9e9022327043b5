/** The size and the limits of file systems. */
import type { Statfs } from '../../../graph/fops.ts';
import type { Inode } from '../../../graph/inode.ts';
import { Magic, ST_RDONLY } from '../../../sys/constants.ts';
import { lastError } from '../../../sys/failure.ts';
import { statfs, statfsFd } from '../../../sys/files/statfs.ts';
import type { Brick } from './brick.ts';

interface Kind {
  readonly linkMax: number;
  readonly fileSizeMax: number;
  /** The smallest difference of two times that the file system stores, in nanoseconds. */
  readonly timeGranularity: number;
  readonly caseInsensitive?: boolean;
}

const GiB = 2 ** 30;
const TiB = 2 ** 40;
/** The largest offset that a Number holds exactly. File systems with 64-bit offsets have a larger limit. */
const SIZE_MAX = Number.MAX_SAFE_INTEGER;

/** Limits that the kernel does not report, from the documentation of each file system. */
const KINDS = new Map<number, Kind>([
  [Magic.EXT4, { linkMax: 65_000, fileSizeMax: 16 * TiB - 4096, timeGranularity: 1 }],
  [Magic.XFS, { linkMax: 0x7fff_ffff, fileSizeMax: SIZE_MAX, timeGranularity: 1 }],
  [Magic.BTRFS, { linkMax: 65_535, fileSizeMax: SIZE_MAX, timeGranularity: 1 }],
  [Magic.F2FS, { linkMax: 0xffff_ffff, fileSizeMax: 3.94 * TiB, timeGranularity: 1 }],
  [Magic.TMPFS, { linkMax: 0x7fff_ffff, fileSizeMax: SIZE_MAX, timeGranularity: 1 }],
  [Magic.RAMFS, { linkMax: 0x7fff_ffff, fileSizeMax: SIZE_MAX, timeGranularity: 1 }],
  [Magic.ZFS, { linkMax: 0x7fff_ffff, fileSizeMax: SIZE_MAX, timeGranularity: 1 }],
  [Magic.MSDOS, { linkMax: 1, fileSizeMax: 4 * GiB - 1, timeGranularity: 2_000_000_000, caseInsensitive: true }],
  [Magic.EXFAT, { linkMax: 1, fileSizeMax: SIZE_MAX, timeGranularity: 10_000_000, caseInsensitive: true }],
  [Magic.NTFS3, { linkMax: 1024, fileSizeMax: SIZE_MAX, timeGranularity: 100 }],
]);
/** For other file systems. 127 links is what pathconf(3) of glibc answers for those that it does not know. */
const OTHER: Kind = { linkMax: 127, fileSizeMax: SIZE_MAX, timeGranularity: 1 };

/** Returns the size and the limits of the file system that an object is on. */
export function statfsOf({ objects }: Brick, inode: Inode): Statfs {
  const object = objects.of(inode);
  const { hasBtime } = objects.stat(object);
  if (statfsFd(objects.fd(object)) < 0) throw lastError('statfs');
  const { blockSize, files, filesFree } = statfs;
  // ext4 inodes of 128 bytes have no room for a birth time, and none for fractions of seconds.
  const hasOnlySeconds = statfs.type === Magic.EXT4 && !hasBtime;
  const kind = KINDS.get(statfs.type) ?? OTHER;
  return {
    bytesTotal: statfs.blocks * blockSize,
    bytesFree: statfs.blocksFree * blockSize,
    bytesAvailable: statfs.blocksAvailable * blockSize,
    filesTotal: files,
    filesFree,
    filesAvailable: filesFree,
    nameMax: statfs.nameMax,
    linkMax: kind.linkMax,
    fileSizeMax: Math.floor(kind.fileSizeMax),
    timeGranularity: hasOnlySeconds ? 1_000_000_000 : kind.timeGranularity,
    caseInsensitive: kind.caseInsensitive === true,
    readOnly: (statfs.flags & ST_RDONLY) !== 0,
  };
}
