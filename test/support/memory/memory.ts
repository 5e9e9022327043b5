/**
 * A brick that keeps everything in memory: a leaf for graphs in tests. Unlike storage/posix it has locks, takes gfids
 * that are chosen for it, answers xdata and leaves notes for its inodes and fds.
 */
import { randomBytes } from 'node:crypto';
import { FsError } from '#src/errno.ts';
import type { Fd, Inode } from '#src/graph/inode.ts';
import {
  type Dirent,
  type DirList,
  type Flock,
  type LockType,
  type ReadReply,
  type SetAttr,
  Stable,
  type Statfs,
  type Time,
  type WccReply,
  type Written,
  type Xattrs,
  type Xdata,
} from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { ANCESTRY_PATH } from '#src/graph/fops/virtual-xattrs.ts';
import { O_RDONLY, O_WRONLY } from '#src/sys/constants.ts';
import { iattOf } from './node.ts';
import { Objects } from './objects.ts';
import { failed, resize } from './tree.ts';
import { addCounters, answering, getXattrs, setXattrs } from './xattrs.ts';

export class Memory extends Objects {
  static readonly children = [0, 0] as const;
  /** The id of the tree, which exists once as long as it is in memory. */
  readonly #id = randomBytes(16);

  override async volumeId(): Promise<Buffer> {
    return this.#id;
  }

  override async setattr(_frame: Frame, inode: Inode, attr: SetAttr, guard?: Time): Promise<WccReply> {
    const node = this.tree.of(inode);
    const before = iattOf(node);
    if (guard && (guard.sec !== node.ctime.sec || guard.nsec !== node.ctime.nsec)) throw failed('EAGAIN', before);
    this.tree.set(node, attr);
    return { before, after: iattOf(node) };
  }

  override fsetattr(frame: Frame, fd: Fd, attr: SetAttr): Promise<WccReply> {
    return this.setattr(frame, fd.inode, attr);
  }

  override async truncate(_frame: Frame, inode: Inode, size: number): Promise<WccReply> {
    return this.tree.change(this.tree.file(inode), node => resize(node, size));
  }

  override ftruncate(frame: Frame, fd: Fd, size: number): Promise<WccReply> {
    return this.truncate(frame, fd.inode, size);
  }

  override async readv(_frame: Frame, fd: Fd, size: number, offset: number, xdata?: Xdata): Promise<ReadReply> {
    const node = this.fileOf(fd, O_WRONLY);
    const data = Buffer.from(node.data.subarray(offset, offset + size));
    node.atime = this.tree.now();
    return answering({ data, eof: offset + size >= node.data.length, iatt: iattOf(node) }, node, xdata);
  }

  override async writev(_frame: Frame, fd: Fd, data: Buffer, offset: number): Promise<Written> {
    const wcc = this.tree.change(this.fileOf(fd, O_RDONLY), node => {
      if (offset + data.length > node.data.length) resize(node, offset + data.length);
      data.copy(node.data, offset);
    });
    return { ...wcc, count: data.length, stable: Stable.FILE_SYNC };
  }

  override async flush(frame: Frame, fd: Fd): Promise<void> {
    await this.tree.of(fd.inode).locks.posix.set(frame, { type: 'unlock', start: 0n, length: 0n }, false);
  }

  override async fsync(_frame: Frame, fd: Fd): Promise<WccReply> {
    const iatt = iattOf(this.tree.of(fd.inode));
    return { before: iatt, after: iatt };
  }

  override async fallocate(_frame: Frame, fd: Fd, _mode: number, offset: number, length: number): Promise<WccReply> {
    return this.tree.change(this.fileOf(fd, O_RDONLY), node => {
      if (offset + length > node.data.length) resize(node, offset + length);
    });
  }

  override async discard(_frame: Frame, fd: Fd, offset: number, length: number): Promise<WccReply> {
    return this.tree.change(this.fileOf(fd, O_RDONLY), node => node.data.fill(0, offset, offset + length));
  }

  override zerofill(frame: Frame, fd: Fd, offset: number, length: number): Promise<WccReply> {
    return this.discard(frame, fd, offset, length);
  }

  override async seek(_frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole'): Promise<number> {
    const { length } = this.tree.file(fd.inode).data;
    if (offset >= length) throw new FsError('ENXIO');
    return what === 'data' ? offset : length;
  }

  override async readdir(_frame: Frame, fd: Fd, size: number, cookie: bigint): Promise<DirList> {
    const directory = this.tree.directory(fd.inode);
    const { nodes, eof } = this.tree.list(directory, size, cookie);
    return { entries: nodes.map(({ name, ino, cookie }) => ({ name, ino, cookie })), eof, iatt: iattOf(directory) };
  }

  override async readdirp(_frame: Frame, fd: Fd, size: number, cookie: bigint, xdata?: Xdata): Promise<DirList> {
    const directory = this.tree.directory(fd.inode);
    const { nodes, eof } = this.tree.list(directory, size, cookie);
    const entries = nodes.map(({ name, ino, cookie, node }): Dirent => {
      const isOutside = name === '..' && directory === this.tree.root;
      return isOutside
        ? { name, ino, cookie }
        : answering({ name, ino, cookie, iatt: this.tree.iattOf(node) }, node, xdata);
    });
    return { entries, eof, iatt: iattOf(directory) };
  }

  override async fsyncdir(): Promise<void> {}

  override async statfs(): Promise<Statfs> {
    const files = { filesTotal: 2 ** 32, filesFree: 2 ** 32 - this.tree.count, filesAvailable: 2 ** 31 };
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
    const node = this.tree.of(inode);
    return name === ANCESTRY_PATH ? new Map([[name, this.tree.path(node)]]) : getXattrs(node, name);
  }

  override fgetxattr(frame: Frame, fd: Fd, name?: string): Promise<Xattrs> {
    return this.getxattr(frame, fd.inode, name);
  }

  override async setxattr(_frame: Frame, inode: Inode, xattrs: Xattrs, flags: number): Promise<void> {
    const node = this.tree.of(inode);
    setXattrs(node, xattrs, flags);
    node.ctime = this.tree.now();
  }

  override fsetxattr(frame: Frame, fd: Fd, xattrs: Xattrs, flags: number): Promise<void> {
    return this.setxattr(frame, fd.inode, xattrs, flags);
  }

  override async removexattr(_frame: Frame, inode: Inode, name: string): Promise<void> {
    if (!this.tree.of(inode).xattrs.delete(name)) throw new FsError('ENODATA');
  }

  override fremovexattr(frame: Frame, fd: Fd, name: string): Promise<void> {
    return this.removexattr(frame, fd.inode, name);
  }

  override async xattrop(_frame: Frame, inode: Inode, op: 'add32' | 'add64', xattrs: Xattrs): Promise<Xattrs> {
    return addCounters(this.tree.of(inode), op, xattrs);
  }

  override fxattrop(frame: Frame, fd: Fd, op: 'add32' | 'add64', xattrs: Xattrs): Promise<Xattrs> {
    return this.xattrop(frame, fd.inode, op, xattrs);
  }

  override async inodelk(frame: Frame, domain: string, inode: Inode, lock: Flock, wait: boolean): Promise<void> {
    await this.tree.of(inode).locks.ranges(domain).set(frame, lock, wait);
  }

  override finodelk(frame: Frame, domain: string, fd: Fd, lock: Flock, wait: boolean): Promise<void> {
    return this.inodelk(frame, domain, fd.inode, lock, wait);
  }

  override async entrylk(
    frame: Frame,
    domain: string,
    inode: Inode,
    name: string | undefined,
    type: LockType,
    wait: boolean,
  ): Promise<void> {
    await this.tree.directory(inode).locks.names(domain).set(frame, name, type, wait);
  }

  override fentrylk(
    frame: Frame,
    domain: string,
    fd: Fd,
    name: string | undefined,
    type: LockType,
    wait: boolean,
  ): Promise<void> {
    return this.entrylk(frame, domain, fd.inode, name, type, wait);
  }

  override async lk(frame: Frame, fd: Fd, command: 'get' | 'set' | 'wait', lock: Flock): Promise<Flock> {
    const { posix } = this.tree.file(fd.inode).locks;
    if (command === 'get') return posix.inTheWay(frame, lock) ?? { ...lock, type: 'unlock' };
    await posix.set(frame, lock, command === 'wait');
    return lock;
  }
}
