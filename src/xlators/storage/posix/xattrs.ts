/** Extended attributes, with the caller's rights. The system calls take only paths, so /proc/self/fd is used. */
import { ERRNO } from '../../../errno.ts';
import type { Xattrs } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { fsError, lastError, systemError } from '../../../sys/failure.ts';
import { asCaller, uidOf } from '../../../sys/process/identity.ts';
import * as libc from '../../../sys/libc.ts';
import { cText, procFd } from '../../../sys/files/names.ts';
import type { Brick } from './brick.ts';

/** The largest value and the longest list of names (XATTR_SIZE_MAX, XATTR_LIST_MAX). */
const VALUE_MAX = 65_536;
const scratch = Buffer.alloc(VALUE_MAX);

/** Opens the object and takes on the caller's rights. */
function openFor({ objects }: Brick, frame: Frame, inode: Inode): number {
  const object = objects.of(inode);
  objects.stat(object); // ESTALE if it is gone
  const fd = objects.fd(object);
  asCaller(frame.identity);
  return fd;
}

/**
 * Refuses attributes for which the kernel demands CAP_SYS_ADMIN or CAP_SETFCAP. This thread keeps both capabilities when
 * its user id is switched, so the kernel would not refuse.
 */
function refusePrivileged({ identity }: Frame, name: string): void {
  if (uidOf(identity) !== 0 && isPrivileged(name)) throw fsError('EPERM', 'only root sets such an attribute');
}

const isPrivileged = (name: string) => name.startsWith('trusted.') || name.startsWith('security.');

/** Callers who are not root do not see trusted attributes (xattr(7)). */
const isHidden = ({ identity }: Frame, name: string) => uidOf(identity) !== 0 && name.startsWith('trusted.');

/** Returns a copy of the value; `undefined` if the attribute does not exist. */
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

/** Sets the attributes in the order of the map. If one fails, those before it are set. */
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

/** Adds to counters without waiting, so that no other call of this event loop comes between. Missing counters are zero. */
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

/** Adds big-endian counters one by one. They wrap around. */
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
