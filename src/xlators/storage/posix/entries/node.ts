import type { Device } from '../../../../graph/fops.ts';
import { FileType } from '../../../../graph/iatt.ts';
import { S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK } from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { cName } from '../../../../sys/files/names.ts';
import { mknodat } from '../../../../sys/libc.ts';

const NODES: Readonly<Record<number, number>> = {
  [FileType.BLK]: S_IFBLK,
  [FileType.CHR]: S_IFCHR,
  [FileType.FIFO]: S_IFIFO,
  [FileType.SOCK]: S_IFSOCK,
};

/** Makes a device, socket or fifo called `name` in the directory that is open as `fd`. */
export function makeNode(fd: number, name: string, type: FileType, mode: number, { major, minor }: Device): void {
  const kind = NODES[type];
  if (kind === undefined) throw fsError('EINVAL', 'mknod makes files, devices, sockets and fifos');
  const isDevice = type === FileType.BLK || type === FileType.CHR;
  const device = isDevice ? deviceNumber(major, minor) : 0;
  if (mknodat(fd, cName(name), kind | mode, device) < 0) throw lastError('mknod');
}

/** Encodes a device number as the kernel does: 12 bits of the major number, 20 of the minor one. */
function deviceNumber(major: number, minor: number): number {
  if (major > 0xfff || minor > 0xf_ffff) throw fsError('EINVAL', 'a device number is out of range');
  return (((minor & ~0xff) << 12) | (major << 8) | (minor & 0xff)) >>> 0;
}
