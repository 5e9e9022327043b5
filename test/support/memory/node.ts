import { FileType, type Iatt } from '#src/graph/iatt.ts';
import type { Device, Time } from '#src/graph/fops.ts';
import type { Note } from '#src/graph/note.ts';
import { NodeLocks } from './locks.ts';

/** An entry of a directory. */
export interface Entry {
  readonly node: Node;
  readonly cookie: bigint;
}

/** One object of the brick in memory. */
export class Node {
  readonly gfid: Buffer;
  readonly type: FileType;
  mode: number;
  uid = 0;
  gid = 0;
  nlink: number;
  atime: Time;
  mtime: Time;
  ctime: Time;
  data: Buffer = Buffer.alloc(0);
  target = '';
  device: Device = { major: 0, minor: 0 };
  verifier: Buffer | undefined;
  parent: Node = this;
  readonly entries = new Map<string, Entry>();
  readonly xattrs = new Map<string, Buffer>();
  readonly locks: NodeLocks;
  /** How many fds are open. */
  opens = 0;

  constructor(gfid: Buffer, type: FileType, mode: number, now: Time) {
    this.gfid = gfid;
    this.locks = new NodeLocks(gfid);
    this.type = type;
    this.mode = mode;
    this.nlink = type === FileType.DIR ? 2 : 1;
    this.atime = this.mtime = this.ctime = now;
  }

  /** As a GlusterFS client shows it, so that it is the same on all replicas. */
  get ino(): bigint {
    return this.gfid.readBigUInt64BE(8);
  }

  get size(): number {
    return this.type === FileType.DIR ? 4096 : this.type === FileType.LNK ? this.target.length : this.data.length;
  }
}

/** The attributes of a node. With a slot they carry a note, by which the inode's slot will hold the node. */
export function iattOf(node: Node, slot?: number): Iatt {
  const note: Note | undefined = slot === undefined ? undefined : { slot, value: node, next: undefined };
  return {
    gfid: node.gfid,
    type: node.type,
    mode: node.mode,
    nlink: node.nlink,
    uid: node.uid,
    gid: node.gid,
    size: node.size,
    used: node.size,
    rdevMajor: node.device.major,
    rdevMinor: node.device.minor,
    fsid: 1n,
    ino: node.ino,
    atime: node.atime.sec,
    atimeNsec: node.atime.nsec,
    mtime: node.mtime.sec,
    mtimeNsec: node.mtime.nsec,
    ctime: node.ctime.sec,
    ctimeNsec: node.ctime.nsec,
    ...(note && { notes: note }),
  };
}
