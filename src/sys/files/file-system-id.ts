/** Identifies a file system among all others, even after the machine was restarted. */
import { readFileSync } from 'node:fs';
import { lastError } from '../failure.ts';
import { ioctl } from '../libc.ts';
import { statfs, statfsFd } from './statfs.ts';
import { statFd } from './statx.ts';

/** XFS_IOC_FSGEOMETRY_V1: 112 bytes, the UUID at 64. */
const XFS_GEOMETRY = { request: 0x8070_5864, bytes: 112, at: 64 };
/** FS_IOC_GETFSUUID of Linux 6.9: the UUID's length in one byte, then the UUID. */
const GET_UUID = { request: 0x8011_1500, bytes: 17, at: 1 };
const UUID_BYTES = 16;

/**
 * Returns the id of the file system that `fd` (not O_PATH) is on. Most file systems make f_fsid of statfs(2) from a
 * UUID. Where it is the number of the device, which may be another disk's tomorrow, the UUID is queried directly. A
 * file system without either (FUSE) is identified by its type and source. @throws {FsError} it cannot be queried
 */
export function fileSystemId(fd: number): string {
  if (statfsFd(fd) < 0) throw lastError('statfs');
  const { type, fsid } = statfs;
  const seen = statFd(fd);
  if (seen === undefined) throw lastError('statx');
  if (fsid === 0n) return `${type} ${sourceOf(seen.mountId)}`;
  if (fsid !== encodedDevice(seen.dev)) return `${type} ${fsid}`;
  return `${type} ${uuidOf(fd, XFS_GEOMETRY) ?? uuidOf(fd, GET_UUID) ?? fsid}`;
}

/** Encodes a device number as the kernel's huge_encode_dev does, which is f_fsid where that stands for the device. */
function encodedDevice(dev: number): bigint {
  const major = Math.floor(dev / 0x1_0000_0000);
  const minor = dev % 0x1_0000_0000;
  return BigInt(minor & 0xff) | (BigInt(major) << 8n) | (BigInt(minor & ~0xff) << 12n);
}

function uuidOf(fd: number, { request, bytes, at }: typeof XFS_GEOMETRY): string | undefined {
  const into = Buffer.alloc(bytes);
  if (ioctl(fd, request, into) < 0) return undefined;
  const uuid = into.subarray(at, at + UUID_BYTES);
  return uuid.every(byte => byte === 0) ? undefined : uuid.toString('hex');
}

/** The type and source that mount(8) shows. */
function sourceOf(mountId: number): string {
  const line = readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .find(text => text.startsWith(`${mountId} `));
  return line?.split(' - ')[1]?.split(' ').slice(0, 2).join(' ') ?? '';
}
