/**
 * A brick that keeps everything in memory: a leaf for graphs in tests. Unlike storage/posix it has locks, takes gfids
 * that are chosen for it, answers xdata and leaves notes for its inodes and fds.
 */
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
import { answering } from './answers.ts';
import type { Connection } from './cluster-locks.ts';
import { iattOf, type Node } from './node.ts';
import { Objects } from './objects.ts';
import { failed, resize } from './tree.ts';
import { addCounters, getXattrs, protect, setXattrs } from './xattrs.ts';

const UNLOCK_ALL = { type: 'unlock', start: 0n, length: 0n } as const;

export class Memory extends Objects {
  static readonly children = [0, 0] as const;
  /** The connection to the brick, of which there is one at a time. */
  #connection = this.#connect();

  override async volumeId(): Promise<Buffer> {
    return this.tree.store.id;
  }

  #connect(): Connection {
    return { contended: gfid => this.notify({ kind: 'upcall', gfid, about: 'contention' }) };
  }

  /** Breaks the connection: the brick drops all locks of this client, and those that it waits for fail. */
  disconnect(): void {
    this.tree.drop(this.#connection);
    this.#connection = this.#connect();
  }

  /** The attributes of a file that was changed, with what was asked for. */
  #changed(node: Node, change: (node: Node) => void, xdata: Xdata | undefined): WccReply {
    return answering(this.tree, this.tree.change(node, change), node, xdata);
  }

  override async setattr(_frame: Frame, inode: Inode, attr: SetAttr, guard?: Time, xdata?: Xdata): Promise<WccReply> {
    const node = this.tree.of(inode);
    const before = iattOf(node);
    if (guard && (guard.sec !== node.ctime.sec || guard.nsec !== node.ctime.nsec)) throw failed('EAGAIN', before);
    this.tree.set(node, attr);
    return answering(this.tree, { before, after: iattOf(node) }, node, xdata);
  }

  override fsetattr(frame: Frame, fd: Fd, attr: SetAttr, xdata?: Xdata): Promise<WccReply> {
    return this.setattr(frame, fd.inode, attr, undefined, xdata);
  }

  override async truncate(_frame: Frame, inode: Inode, size: number, xdata?: Xdata): Promise<WccReply> {
    return this.#changed(this.tree.file(inode), node => resize(node, size), xdata);
  }

  override ftruncate(frame: Frame, fd: Fd, size: number, xdata?: Xdata): Promise<WccReply> {
    return this.truncate(frame, fd.inode, size, xdata);
  }

  override async readv(_frame: Frame, fd: Fd, size: number, offset: number, xdata?: Xdata): Promise<ReadReply> {
    const node = this.fileOf(fd, O_WRONLY);
    const data = Buffer.from(node.data.subarray(offset, offset + size));
    node.atime = this.tree.now();
    return answering(this.tree, { data, eof: offset + size >= node.data.length, iatt: iattOf(node) }, node, xdata);
  }

  override async writev(
    _frame: Frame,
    fd: Fd,
    data: Buffer,
    offset: number,
    _stable: Stable,
    xdata?: Xdata,
  ): Promise<Written> {
    const node = this.fileOf(fd, O_RDONLY);
    protect(node, xdata);
    const append = Number(offset >= node.data.length);
    const wcc = this.tree.change(node, () => {
      if (offset + data.length > node.data.length) resize(node, offset + data.length);
      data.copy(node.data, offset);
    });
    const answer = { ...wcc, count: data.length, stable: Stable.FILE_SYNC };
    return answering(this.tree, answer, node, xdata, undefined, [['glusterfs.write-is-append', append]]);
  }

  override async flush(frame: Frame, fd: Fd): Promise<void> {
    await this.tree.of(fd.inode).locks.posix.set(this.#connection, frame, UNLOCK_ALL, false);
  }

  override async fsync(_frame: Frame, fd: Fd, _dataOnly: boolean, xdata?: Xdata): Promise<WccReply> {
    const node = this.tree.of(fd.inode);
    const iatt = iattOf(node);
    return answering(this.tree, { before: iatt, after: iatt }, node, xdata);
  }

  override async fallocate(
    _frame: Frame,
    fd: Fd,
    mode: number,
    offset: number,
    length: number,
    xdata?: Xdata,
  ): Promise<WccReply> {
    const grow = (node: Node) => {
      if (mode === 0 && offset + length > node.data.length) resize(node, offset + length);
    };
    return this.#changed(this.fileOf(fd, O_RDONLY), grow, xdata);
  }

  override async discard(_frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply> {
    return this.#changed(this.fileOf(fd, O_RDONLY), node => node.data.subarray(offset, offset + length).fill(0), xdata);
  }

  override async zerofill(_frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply> {
    const fill = (node: Node) => {
      if (offset + length > node.data.length) resize(node, offset + length);
      node.data.fill(0, offset, offset + length);
    };
    return this.#changed(this.fileOf(fd, O_RDONLY), fill, xdata);
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
        : answering(this.tree, { name, ino, cookie, iatt: this.tree.iattOf(node) }, node, xdata);
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
    await this.tree.lockable(inode).locks.lockRange(this.#connection, frame, domain, lock, wait);
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
    await this.tree.directory(inode).locks.lockName(this.#connection, frame, domain, name, type, wait);
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
    if (command === 'get') return posix.inTheWay(this.#connection, frame, lock) ?? { ...lock, type: 'unlock' };
    await posix.set(this.#connection, frame, lock, command === 'wait');
    return lock;
  }
}
