/** Extended attributes, as the caller. The calls take paths only, so it is by way of /proc/self/fd. */
import { ERRNO } from '../../../errno.ts';
import type { Xattrs } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { fsError, lastError, systemError } from '../../../sys/failure.ts';
import { asCaller, uidOf } from '../../../sys/process/identity.ts';
import * as libc from '../../../sys/libc.ts';
import { cText, procFd } from '../../../sys/files/names.ts';
import type { Brick } from './brick.ts';

/** XATTR_SIZE_MAX and XATTR_LIST_MAX. */
const VALUE_MAX = 65_536;
const scratch = Buffer.alloc(VALUE_MAX);

/** Opens the object and becomes the caller. */
function openFor({ objects }: Brick, frame: Frame, inode: Inode): number {
  const fd = objects.stat(objects.of(inode));
  asCaller(frame.identity);
  return fd;
}

/**
 * What the kernel lets only those have who have CAP_SYS_ADMIN or CAP_SETFCAP. A switch of the user id leaves this thread
 * both, so it is for us to refuse.
 */
function refusePrivileged({ identity }: Frame, name: string): void {
  if (uidOf(identity) !== 0 && isPrivileged(name)) throw fsError('EPERM', 'only root sets such an attribute');
}

const isPrivileged = (name: string) => name.startsWith('trusted.') || name.startsWith('security.');

/** xattr(7): such names are not even seen by others. */
const isHidden = ({ identity }: Frame, name: string) => uidOf(identity) !== 0 && name.startsWith('trusted.');

/** A copy; `undefined` if it is not there. */
function get(fd: number, name: string): Buffer | undefined {
  const size = libc.getxattr(procFd(fd), cText(name), scratch, VALUE_MAX);
  if (size >= 0) return Buffer.from(scratch.subarray(0, size));
  const number = libc.errno();
  if (number === ERRNO.ENODATA) return undefined;
  throw systemError(number, 'getxattr');
}

export function getxattr(brick: Brick, frame: Frame, inode: Inode, name?: string): Xattrs {
  const fd = openFor(brick, frame, inode);
  if (name !== undefined) {
    const value = isHidden(frame, name) ? undefined : get(fd, name);
    if (!value) throw fsError('ENODATA', 'getxattr');
    return new Map([[name, value]]);
  }
  const size = libc.listxattr(procFd(fd), scratch, VALUE_MAX);
  if (size < 0) throw lastError('listxattr');
  const names = scratch.toString('latin1', 0, size).split('\0').slice(0, -1);
  const all = new Map<string, Buffer>();
  for (const each of names) {
    const value = isHidden(frame, each) ? undefined : get(fd, each);
    if (value) all.set(each, value);
  }
  return all;
}

/** In the map's order; those before one that fails are set. */
export function setxattr(brick: Brick, frame: Frame, inode: Inode, xattrs: Xattrs, flags: number): void {
  const fd = openFor(brick, frame, inode);
  for (const [name, value] of xattrs) {
    refusePrivileged(frame, name);
    if (libc.setxattr(procFd(fd), cText(name), value, value.length, flags) < 0) throw lastError('setxattr');
  }
}

export function removexattr(brick: Brick, frame: Frame, inode: Inode, name: string): void {
  const fd = openFor(brick, frame, inode);
  refusePrivileged(frame, name);
  if (libc.removexattr(procFd(fd), cText(name)) < 0) throw lastError('removexattr');
}

/** Atomic among the callers of this event loop, as nothing waits in between. Counters that are not there are zero. */
export function xattrop(brick: Brick, frame: Frame, inode: Inode, op: 'add32' | 'add64', xattrs: Xattrs): Xattrs {
  const fd = openFor(brick, frame, inode);
  const sums = new Map<string, Buffer>();
  for (const [name, change] of xattrs) {
    refusePrivileged(frame, name);
    const sum = add(op, change, get(fd, name));
    if (libc.setxattr(procFd(fd), cText(name), sum, sum.length, 0) < 0) throw lastError('setxattr');
    sums.set(name, sum);
  }
  return sums;
}

/** Big-endian counters, added one by one; they wrap. */
function add(op: 'add32' | 'add64', a: Buffer, b: Buffer | undefined): Buffer {
  const size = op === 'add32' ? 4 : 8;
  if (a.length % size !== 0 || (b && b.length !== a.length)) throw fsError('EINVAL', 'counters of another size');
  const sum = Buffer.from(a);
  if (!b) return sum;
  for (let at = 0; at < sum.length; at += size) {
    if (op === 'add32') sum.writeUInt32BE((a.readUInt32BE(at) + b.readUInt32BE(at)) >>> 0, at);
    else sum.writeBigUInt64BE(BigInt.asUintN(64, a.readBigUInt64BE(at) + b.readBigUInt64BE(at)), at);
  }
  return sum;
}
