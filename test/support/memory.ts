/** A brick that keeps everything in memory: a leaf for graphs in tests, and the dumb model of one. */
import { randomBytes } from 'node:crypto';
import { type Errno, FsError } from '#src/errno.ts';
import type { Fd, Inode } from '#src/graph/inode.ts';
import {
  type CreateHow,
  type Device,
  type Dirent,
  type DirList,
  FopError,
  type Found,
  type Made,
  type Opened,
  type ReadReply,
  type Removed,
  type Renamed,
  type SetAttr,
  Stable,
  type Statfs,
  type Time,
  type Written,
  type Xattrs,
} from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '#src/graph/iatt.ts';
import { text } from '#src/graph/options.ts';
import { ANCESTRY_PATH } from '#src/graph/virtual-xattrs.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { ROOT_GFID } from '#src/inode/table.ts';
import { gfidOf } from './iatt.ts';

interface Entry {
  readonly node: Node;
  readonly cookie: bigint;
}

class Node {
  readonly gfid: Buffer;
  readonly ino: number;
  readonly type: FileType;
  mode: number;
  uid: number;
  gid: number;
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

  constructor(ino: number, type: FileType, mode: number, frame: Frame | undefined, now: Time) {
    this.ino = ino;
    this.gfid = ino === 1 ? ROOT_GFID : gfidOf(ino);
    this.type = type;
    this.mode = mode;
    this.uid = frame?.identity.uid ?? 0;
    this.gid = frame?.identity.gid ?? 0;
    this.nlink = type === FileType.DIR ? 2 : 1;
    this.atime = this.mtime = this.ctime = now;
  }

  get size(): number {
    return this.type === FileType.DIR ? 4096 : this.type === FileType.LNK ? this.target.length : this.data.length;
  }
}

const options = { files: text({ default: '' }, 'Empty files that are there from the start, separated by spaces.') };

const DEFAULT_MODES = { dir: 0o755, file: 0o644, link: 0o777 };

export class Memory extends Xlator<typeof options> {
  static readonly options = options;
  static readonly children = [0, 0] as const;
  /** What is in memory is there once. */
  readonly #id = randomBytes(16);
  readonly #nodes = new Map<string, Node>();
  #inos = 1;
  #cookies = 2n;
  #nanoseconds = 0;
  readonly #root = this.#node(undefined, FileType.DIR, DEFAULT_MODES.dir);

  override async init(): Promise<void> {
    for (const name of this.options.files.split(' ').filter(word => word !== '')) {
      this.#enter(this.#root, name, this.#node(undefined, FileType.REG, DEFAULT_MODES.file));
    }
  }

  override async volumeId(): Promise<Buffer> {
    return this.#id;
  }

  override async lookup(_frame: Frame, parent: Inode, name: string): Promise<Found> {
    const directory = this.#directory(parent);
    return { iatt: iattOf(this.#child(directory, name)), parent: iattOf(directory) };
  }

  override async discover(_frame: Frame, gfid: Buffer): Promise<Found> {
    return { iatt: iattOf(this.#of(gfid)) };
  }

  override async stat(_frame: Frame, inode: Inode): Promise<Iatt> {
    return iattOf(this.#of(inode.gfid));
  }

  override async fstat(_frame: Frame, fd: Fd): Promise<Iatt> {
    return iattOf(this.#of(fd.inode.gfid));
  }

  override async readlink(_frame: Frame, inode: Inode): Promise<{ target: string; iatt: Iatt }> {
    const node = this.#of(inode.gfid);
    if (node.type !== FileType.LNK) throw new FsError('EINVAL');
    return { target: node.target, iatt: iattOf(node) };
  }

  override async access(frame: Frame, inode: Inode, mask: number): Promise<{ granted: number; iatt: Iatt }> {
    const node = this.#of(inode.gfid);
    const { uid, gid, groups } = frame.identity;
    const shift = uid === node.uid ? 6 : gid === node.gid || groups.includes(node.gid) ? 3 : 0;
    const granted = uid === 0 ? mask : mask & (node.mode >> shift);
    return { granted, iatt: iattOf(node) };
  }

  override async mknod(frame: Frame, parent: Inode, name: string, type: number, attr: SetAttr, device: Device) {
    return this.#make(frame, parent, name, type as FileType, attr, DEFAULT_MODES.file, node => (node.device = device));
  }

  override async mkdir(frame: Frame, parent: Inode, name: string, attr: SetAttr): Promise<Made> {
    return this.#make(frame, parent, name, FileType.DIR, attr, DEFAULT_MODES.dir);
  }

  override async symlink(frame: Frame, parent: Inode, name: string, target: string, attr: SetAttr): Promise<Made> {
    return this.#make(frame, parent, name, FileType.LNK, attr, DEFAULT_MODES.link, node => (node.target = target));
  }

  override async create(frame: Frame, parent: Inode, name: string, how: CreateHow): Promise<Made> {
    const directory = this.#directory(parent);
    const there = directory.entries.get(name)?.node;
    const before = iattOf(directory);
    if (!there) {
      const attr = how.mode === 'exclusive' ? {} : how.attr;
      return this.#make(frame, parent, name, FileType.REG, attr, DEFAULT_MODES.file, node => {
        if (how.mode === 'exclusive') node.verifier = Buffer.from(how.verifier);
      });
    }
    const same = how.mode === 'exclusive' && there.verifier?.equals(how.verifier);
    if (how.mode !== 'unchecked' && !same) throw this.#failed('EEXIST', before);
    if (how.mode === 'unchecked') {
      if (how.attr.size !== undefined && there.type === FileType.REG) this.#set(there, { size: how.attr.size });
    }
    return { iatt: iattOf(there), parent: { before, after: before } };
  }

  override async link(_frame: Frame, inode: Inode, parent: Inode, name: string): Promise<Made> {
    const node = this.#of(inode.gfid);
    const directory = this.#directory(parent);
    const before = iattOf(directory);
    if (node.type === FileType.DIR) throw this.#failed('EPERM', before);
    if (directory.entries.has(name)) throw this.#failed('EEXIST', before);
    node.nlink++;
    node.ctime = this.#now();
    this.#enter(directory, name, node);
    return { iatt: iattOf(node), parent: { before, after: iattOf(directory) } };
  }

  override async unlink(_frame: Frame, parent: Inode, name: string): Promise<Removed> {
    const directory = this.#directory(parent);
    const before = iattOf(directory);
    const node = directory.entries.get(name)?.node;
    if (!node) throw this.#failed('ENOENT', before);
    if (node.type === FileType.DIR) throw this.#failed('EISDIR', before);
    this.#leave(directory, name);
    return { parent: { before, after: iattOf(directory) } };
  }

  override async rmdir(_frame: Frame, parent: Inode, name: string): Promise<Removed> {
    const directory = this.#directory(parent);
    const before = iattOf(directory);
    const node = directory.entries.get(name)?.node;
    if (!node) throw this.#failed('ENOENT', before);
    if (node.type !== FileType.DIR) throw this.#failed('ENOTDIR', before);
    if (node.entries.size > 0) throw this.#failed('ENOTEMPTY', before);
    this.#leave(directory, name);
    return { parent: { before, after: iattOf(directory) } };
  }

  override async rename(_frame: Frame, from: Inode, fromName: string, to: Inode, toName: string): Promise<Renamed> {
    const [source, target] = [this.#directory(from), this.#directory(to)];
    const [fromBefore, toBefore] = [iattOf(source), iattOf(target)];
    const fail = (code: Errno) => this.#failed(code, fromBefore, toBefore);
    const node = source.entries.get(fromName)?.node;
    if (!node) throw fail('ENOENT');
    const replaced = target.entries.get(toName)?.node;
    for (let at = target; node.type === FileType.DIR && at !== this.#root; at = at.parent) {
      if (at === node) throw fail('EINVAL');
    }
    if (replaced && replaced !== node) {
      if (node.type === FileType.DIR && replaced.type !== FileType.DIR) throw fail('ENOTDIR');
      if (node.type !== FileType.DIR && replaced.type === FileType.DIR) throw fail('EISDIR');
      if (replaced.entries.size > 0) throw fail('ENOTEMPTY');
      this.#leave(target, toName);
    }
    if (replaced !== node) {
      node.nlink++; // while it has two names
      this.#enter(target, toName, node);
      this.#leave(source, fromName, true);
    }
    return {
      from: { before: fromBefore, after: iattOf(source) },
      to: { before: toBefore, after: iattOf(target) },
    };
  }

  override async setattr(_frame: Frame, inode: Inode, attr: SetAttr, guard?: Time): Promise<Wcc> {
    const node = this.#of(inode.gfid);
    const before = iattOf(node);
    if (guard && (guard.sec !== node.ctime.sec || guard.nsec !== node.ctime.nsec)) {
      throw this.#failed('EAGAIN', before);
    }
    this.#set(node, attr);
    return { before, after: iattOf(node) };
  }

  override fsetattr(frame: Frame, fd: Fd, attr: SetAttr): Promise<Wcc> {
    return this.setattr(frame, fd.inode, attr);
  }

  override async truncate(_frame: Frame, inode: Inode, size: number): Promise<Wcc> {
    return this.#change(this.#file(inode), node => this.#resize(node, size));
  }

  override ftruncate(frame: Frame, fd: Fd, size: number): Promise<Wcc> {
    return this.truncate(frame, fd.inode, size);
  }

  override async open(_frame: Frame, inode: Inode, _flags: number): Promise<Opened> {
    this.#file(inode);
    return {};
  }

  override async readv(_frame: Frame, fd: Fd, size: number, offset: number): Promise<ReadReply> {
    const node = this.#file(fd.inode);
    const data = Buffer.from(node.data.subarray(offset, offset + size));
    node.atime = this.#now();
    return { data, eof: offset + size >= node.data.length, iatt: iattOf(node) };
  }

  override async writev(_frame: Frame, fd: Fd, data: Buffer, offset: number): Promise<Written> {
    const wcc = this.#change(this.#file(fd.inode), node => {
      if (offset + data.length > node.data.length) this.#resize(node, offset + data.length);
      data.copy(node.data, offset);
    });
    return { ...wcc, count: data.length, stable: Stable.FILE_SYNC };
  }

  override async flush(): Promise<void> {}

  override async fsync(_frame: Frame, fd: Fd): Promise<Wcc> {
    const iatt = iattOf(this.#of(fd.inode.gfid));
    return { before: iatt, after: iatt };
  }

  override async fallocate(_frame: Frame, fd: Fd, _mode: number, offset: number, length: number): Promise<Wcc> {
    return this.#change(this.#file(fd.inode), node => {
      if (offset + length > node.data.length) this.#resize(node, offset + length);
    });
  }

  override async discard(_frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc> {
    return this.#change(this.#file(fd.inode), node => node.data.fill(0, offset, offset + length));
  }

  override zerofill(frame: Frame, fd: Fd, offset: number, length: number): Promise<Wcc> {
    return this.discard(frame, fd, offset, length);
  }

  override async seek(_frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole'): Promise<number> {
    const { length } = this.#file(fd.inode).data;
    if (offset >= length) throw new FsError('ENXIO');
    return what === 'data' ? offset : length;
  }

  override async opendir(_frame: Frame, inode: Inode): Promise<Opened> {
    this.#directory(inode);
    return {};
  }

  override async readdir(_frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList> {
    const { entries, eof, iatt } = this.#list(fd, size, cookie);
    return { entries: entries.map(({ name, ino, cookie }) => ({ name, ino, cookie })), eof, iatt };
  }

  override async readdirp(_frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList> {
    return this.#list(fd, size, cookie);
  }

  override async fsyncdir(): Promise<void> {}

  override async statfs(): Promise<Statfs> {
    const files = { filesTotal: 2 ** 32, filesFree: 2 ** 32 - this.#nodes.size, filesAvailable: 2 ** 31 };
    return {
      ...files,
      bytesTotal: 2 ** 40,
      bytesFree: 2 ** 39,
      bytesAvailable: 2 ** 38,
      nameMax: 255,
      linkMax: 32_000,
      fileSizeMax: 2 ** 40,
      timeGranularity: 1,
      caseInsensitive: false,
      readOnly: false,
    };
  }

  override async getxattr(_frame: Frame, inode: Inode, name?: string): Promise<Xattrs> {
    const node = this.#of(inode.gfid);
    const { xattrs } = node;
    if (name === ANCESTRY_PATH) return new Map([[name, this.#ancestryPath(node)]]);
    if (name === undefined) return new Map(xattrs);
    const value = xattrs.get(name);
    if (!value) throw new FsError('ENODATA');
    return new Map([[name, value]]);
  }

  override fgetxattr(frame: Frame, fd: Fd, name?: string): Promise<Xattrs> {
    return this.getxattr(frame, fd.inode, name);
  }

  override async setxattr(_frame: Frame, inode: Inode, xattrs: Xattrs, flags: number): Promise<void> {
    const node = this.#of(inode.gfid);
    for (const [name, value] of xattrs) {
      if (flags === 1 && node.xattrs.has(name)) throw new FsError('EEXIST');
      if (flags === 2 && !node.xattrs.has(name)) throw new FsError('ENODATA');
      node.xattrs.set(name, Buffer.from(value));
    }
    node.ctime = this.#now();
  }

  override fsetxattr(frame: Frame, fd: Fd, xattrs: Xattrs, flags: number): Promise<void> {
    return this.setxattr(frame, fd.inode, xattrs, flags);
  }

  override async removexattr(_frame: Frame, inode: Inode, name: string): Promise<void> {
    if (!this.#of(inode.gfid).xattrs.delete(name)) throw new FsError('ENODATA');
  }

  override fremovexattr(frame: Frame, fd: Fd, name: string): Promise<void> {
    return this.removexattr(frame, fd.inode, name);
  }

  #ancestryPath(node: Node): Buffer {
    if (node.type !== FileType.DIR) throw new FsError('ENODATA');
    const names: string[] = [];
    for (let at = node; at !== this.#root; at = at.parent) {
      const [name] = [...at.parent.entries].find(([, entry]) => entry.node === at) ?? [];
      if (name === undefined) throw new FsError('ESTALE');
      names.unshift(name);
    }
    return Buffer.from(`/${names.join('/')}`, 'latin1');
  }

  #node(frame: Frame | undefined, type: FileType, mode: number): Node {
    const node = new Node(this.#inos++, type, mode, frame, this.#now());
    this.#nodes.set(node.gfid.toString('hex'), node);
    return node;
  }

  #of(gfid: Buffer): Node {
    const node = this.#nodes.get(gfid.toString('hex'));
    if (!node) throw new FsError('ESTALE');
    return node;
  }

  #directory(inode: Inode): Node {
    const node = this.#of(inode.gfid);
    if (node.type !== FileType.DIR) throw new FsError('ENOTDIR');
    return node;
  }

  #file(inode: Inode): Node {
    const node = this.#of(inode.gfid);
    if (node.type === FileType.DIR) throw new FsError('EISDIR');
    if (node.type !== FileType.REG) throw new FsError('EINVAL');
    return node;
  }

  #child(directory: Node, name: string): Node {
    if (name === '.') return directory;
    if (name === '..') return directory.parent;
    const entry = directory.entries.get(name);
    if (!entry) throw new FsError('ENOENT');
    return entry.node;
  }

  #failed(code: Errno, before: Iatt, toBefore?: Iatt): FopError {
    const wcc = (iatt: Iatt) => ({ before: iatt, after: iatt });
    return new FopError(code, code, wcc(before), toBefore && wcc(toBefore));
  }

  #make(
    frame: Frame,
    parent: Inode,
    name: string,
    type: FileType,
    attr: SetAttr,
    mode: number,
    fill: (node: Node) => void = () => {},
  ): Made {
    const directory = this.#directory(parent);
    const before = iattOf(directory);
    if (directory.entries.has(name) || name === '.' || name === '..') throw this.#failed('EEXIST', before);
    if (name.length > 255) throw this.#failed('ENAMETOOLONG', before);
    const node = this.#node(frame, type, mode);
    fill(node);
    this.#set(node, attr);
    this.#enter(directory, name, node);
    return { iatt: iattOf(node), parent: { before, after: iattOf(directory) } };
  }

  #enter(directory: Node, name: string, node: Node): void {
    directory.entries.set(name, { node, cookie: ++this.#cookies });
    if (node.type === FileType.DIR) {
      node.parent = directory;
      directory.nlink++;
    }
    directory.mtime = directory.ctime = this.#now();
  }

  #leave(directory: Node, name: string, moved = false): void {
    const { node } = directory.entries.get(name)!;
    directory.entries.delete(name);
    directory.mtime = directory.ctime = node.ctime = this.#now();
    if (node.type === FileType.DIR) directory.nlink--;
    node.nlink -= node.type === FileType.DIR && !moved ? 2 : 1;
    if (node.nlink === 0) this.#nodes.delete(node.gfid.toString('hex'));
  }

  #list(fd: Fd, size: number, cookie: bigint): { entries: Dirent[]; eof: boolean; iatt: Iatt } {
    const directory = this.#directory(fd.inode);
    const all: [string, Entry][] = [
      ['.', { node: directory, cookie: 1n }],
      ['..', { node: directory.parent, cookie: 2n }],
      ...directory.entries,
    ];
    const rest = all.filter(([, entry]) => entry.cookie > cookie);
    const entries: Dirent[] = [];
    for (const [name, { node, cookie: next }] of rest) {
      size -= name.length + 24;
      if (size < 0 && entries.length > 0) break;
      const root = name === '..' && directory === this.#root;
      const entry = { name, ino: BigInt(node.ino), cookie: next };
      entries.push(root ? entry : { ...entry, iatt: iattOf(node) });
    }
    return { entries, eof: entries.length === rest.length, iatt: iattOf(directory) };
  }

  #change(node: Node, change: (node: Node) => void): Wcc {
    const before = iattOf(node);
    change(node);
    node.mtime = node.ctime = this.#now();
    return { before, after: iattOf(node) };
  }

  #set(node: Node, { mode, uid, gid, size, atime, mtime }: SetAttr): void {
    if (size !== undefined && node.type !== FileType.REG) throw new FsError('EINVAL');
    const now = this.#now();
    if (mode !== undefined) node.mode = mode & 0o7777;
    if (uid !== undefined) node.uid = uid;
    if (gid !== undefined) node.gid = gid;
    if (size !== undefined) {
      this.#resize(node, size);
      node.mtime = now;
    }
    if (atime !== undefined) node.atime = atime === 'now' ? now : atime;
    if (mtime !== undefined) node.mtime = mtime === 'now' ? now : mtime;
    node.ctime = now;
  }

  #resize(node: Node, size: number): void {
    if (size > 2 ** 30) throw new FsError('EFBIG');
    const data = Buffer.alloc(size);
    node.data.copy(data);
    node.data = data;
  }

  /** Every moment is later than the one before. */
  #now(): Time {
    return { sec: 1_700_000_000, nsec: ++this.#nanoseconds };
  }
}

function iattOf(node: Node): Iatt {
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
    ino: BigInt(node.ino),
    atime: node.atime.sec,
    atimeNsec: node.atime.nsec,
    mtime: node.mtime.sec,
    mtimeNsec: node.mtime.nsec,
    ctime: node.ctime.sec,
    ctimeNsec: node.ctime.nsec,
  };
}
