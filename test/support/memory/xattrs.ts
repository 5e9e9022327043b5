/** The extended attributes of an object in memory. */
import { FsError } from '#src/errno.ts';
import type { Xattrs, Xdata } from '#src/graph/fops.ts';
import type { Node } from './node.ts';

export function getXattrs({ xattrs }: Node, name?: string): Xattrs {
  if (name === undefined) return new Map(xattrs);
  const value = xattrs.get(name);
  if (!value) throw new FsError('ENODATA');
  return new Map([[name, value]]);
}

/** Sets extended attributes. `flags` is that of setxattr(2): 1 to create, 2 to replace. */
export function setXattrs({ xattrs }: Node, values: Xattrs, flags: number): void {
  for (const [name, value] of values) {
    if (flags === 1 && xattrs.has(name)) throw new FsError('EEXIST');
    if (flags === 2 && !xattrs.has(name)) throw new FsError('ENODATA');
    xattrs.set(name, Buffer.from(value));
  }
}

/** Adds big-endian counters. A missing counter counts as zero, and stays missing if nothing is added to it. */
export function addCounters({ xattrs }: Node, op: 'add32' | 'add64', changes: Xattrs): Xattrs {
  const sums = new Map<string, Buffer>();
  for (const [name, change] of changes) {
    const before = xattrs.get(name) ?? Buffer.alloc(change.length);
    if (before.length !== change.length) throw new FsError('EINVAL');
    const sum = Buffer.alloc(change.length);
    const width = op === 'add32' ? 4 : 8;
    for (let at = 0; at < sum.length; at += width) {
      if (width === 4) sum.writeUInt32BE((before.readUInt32BE(at) + change.readUInt32BE(at)) >>> 0, at);
      else sum.writeBigUInt64BE(BigInt.asUintN(64, before.readBigUInt64BE(at) + change.readBigUInt64BE(at)), at);
    }
    if (xattrs.has(name) || change.some(byte => byte !== 0)) xattrs.set(name, sum);
    sums.set(name, sum);
  }
  return sums;
}

const PROTECT = 'trusted.glusterfs.protect.writes';

/** A write of a client that protects the file from the rebalance daemon, or one of the daemon, which is refused from then on. */
export function protect({ xattrs }: Node, xdata?: Xdata): void {
  if (xdata?.has(PROTECT)) xattrs.set(PROTECT, Buffer.from('1\0'));
  else if (xdata?.has('glusterfs.avoid.overwrite') && xattrs.has(PROTECT)) throw new FsError('EBUSY');
}
