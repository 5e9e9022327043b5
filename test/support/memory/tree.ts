/** The objects of the brick in memory, and the functions that change them. */
import { type Errno, FsError } from '#src/errno.ts';
import {
  type Dirent,
  FopError,
  type Made,
  type NewAttr,
  type SetAttr,
  type Time,
  type Xdata,
} from '#src/graph/fops.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import { gfidOf } from '../iatt.ts';
import { type Entry, iattOf, Node } from './node.ts';

const NO_GFID = Buffer.alloc(16);

/** What is to be made. */
export interface New {
  readonly type: FileType;
  readonly attr: NewAttr;
  /** The mode, unless `attr` has one. */
  readonly mode: number;
  readonly fill?: (node: Node) => void;
}

export class Tree {
  /** The slot of the xlator, for the notes. */
  readonly #slot: number;
  readonly #nodes = new Map<string, Node>();
  #inos = 1;
  #cookies = 2n;
  #nanoseconds = 0;
  readonly root: Node;

  constructor(slot: number) {
    this.#slot = slot;
    this.root = this.add(FileType.DIR, 0o755, ROOT_GFID);
  }

  get count(): number {
    return this.#nodes.size;
  }

  /** The attributes of a node, with a note for the inode. */
  iattOf(node: Node): Iatt {
    return iattOf(node, this.#slot);
  }

  /** Adds a node that has no name yet. */
  add(type: FileType, mode: number, chosen?: Buffer): Node {
    while (chosen === undefined && this.#nodes.has(gfidOf(this.#inos).toString('hex'))) this.#inos++;
    const gfid = chosen ?? gfidOf(this.#inos);
    const node = new Node(this.#inos++, gfid, type, mode, this.now());
    this.#nodes.set(gfid.toString('hex'), node);
    return node;
  }

  find(gfid: Buffer): Node {
    const node = this.#nodes.get(gfid.toString('hex'));
    if (!node) throw new FsError('ESTALE');
    return node;
  }

  of(inode: Inode): Node {
    const noted = inode.slots[this.#slot] as Node | undefined;
    return noted !== undefined && noted.nlink > 0 ? noted : this.find(inode.gfid);
  }

  directory(inode: Inode): Node {
    const node = this.of(inode);
    if (node.type !== FileType.DIR) throw new FsError('ENOTDIR');
    return node;
  }

  file(inode: Inode): Node {
    const node = this.of(inode);
    if (node.type === FileType.DIR) throw new FsError('EISDIR');
    if (node.type !== FileType.REG) throw new FsError('EINVAL');
    return node;
  }

  child(directory: Node, name: string): Node {
    if (name === '.') return directory;
    if (name === '..') return directory.parent;
    const entry = directory.entries.get(name);
    if (!entry) throw new FsError('ENOENT');
    return entry.node;
  }

  path(node: Node): Buffer {
    if (node.type !== FileType.DIR) throw new FsError('ENODATA');
    const names: string[] = [];
    for (let at = node; at !== this.root; at = at.parent) {
      const [name] = [...at.parent.entries].find(([, entry]) => entry.node === at) ?? [];
      if (name === undefined) throw new FsError('ESTALE');
      names.unshift(name);
    }
    return Buffer.from(`/${names.join('/')}`, 'latin1');
  }

  /** Makes an object. As with a GlusterFS brick, values in `xdata` become extended attributes of it. */
  make(frame: Frame, parent: Inode, name: string, { type, attr, mode, fill }: New, xdata?: Xdata): Made {
    const directory = this.directory(parent);
    const before = iattOf(directory);
    if (directory.entries.has(name) || name === '.' || name === '..') throw failed('EEXIST', before);
    if (name.length > 255) throw failed('ENAMETOOLONG', before);
    const { gfid } = attr;
    if (gfid && (gfid.length !== 16 || gfid.equals(NO_GFID))) throw failed('EINVAL', before);
    if (gfid && this.#nodes.has(gfid.toString('hex'))) throw failed('EEXIST', before);
    const node = this.add(type, mode, gfid && Buffer.from(gfid));
    node.uid = frame.identity.uid;
    node.gid = frame.identity.gid;
    for (const [key, value] of xdata ?? []) if (Buffer.isBuffer(value)) node.xattrs.set(key, Buffer.from(value));
    fill?.(node);
    this.set(node, attr);
    this.enter(directory, name, node);
    return { iatt: this.iattOf(node), parent: { before, after: iattOf(directory) } };
  }

  enter(directory: Node, name: string, node: Node): void {
    directory.entries.set(name, { node, cookie: ++this.#cookies });
    if (node.type === FileType.DIR) {
      node.parent = directory;
      directory.nlink++;
    }
    directory.mtime = directory.ctime = this.now();
  }

  leave(directory: Node, name: string, moved = false): void {
    const { node } = directory.entries.get(name)!;
    directory.entries.delete(name);
    directory.mtime = directory.ctime = node.ctime = this.now();
    if (node.type === FileType.DIR) directory.nlink--;
    node.nlink -= node.type === FileType.DIR && !moved ? 2 : 1;
    if (node.nlink === 0) this.#nodes.delete(node.gfid.toString('hex'));
  }

  list(directory: Node, size: number, cookie: bigint): { nodes: (Dirent & { node: Node })[]; eof: boolean } {
    const all: [string, Entry][] = [
      ['.', { node: directory, cookie: 1n }],
      ['..', { node: directory.parent, cookie: 2n }],
      ...directory.entries,
    ];
    const rest = all.filter(([, entry]) => entry.cookie > cookie);
    const nodes: (Dirent & { node: Node })[] = [];
    let left = size;
    for (const [name, { node, cookie: next }] of rest) {
      left -= name.length + 24;
      if (left < 0 && nodes.length > 0) break;
      nodes.push({ name, ino: BigInt(node.ino), cookie: next, node });
    }
    return { nodes, eof: nodes.length === rest.length };
  }

  change(node: Node, change: (node: Node) => void): Wcc {
    const before = iattOf(node);
    change(node);
    node.mtime = node.ctime = this.now();
    return { before, after: iattOf(node) };
  }

  set(node: Node, { mode, uid, gid, size, atime, mtime }: SetAttr): void {
    if (size !== undefined && node.type !== FileType.REG) throw new FsError('EINVAL');
    const now = this.now();
    if (mode !== undefined) node.mode = mode & 0o7777;
    if (uid !== undefined) node.uid = uid;
    if (gid !== undefined) node.gid = gid;
    if (size !== undefined) {
      resize(node, size);
      node.mtime = now;
    }
    if (atime !== undefined) node.atime = atime === 'now' ? now : atime;
    if (mtime !== undefined) node.mtime = mtime === 'now' ? now : mtime;
    node.ctime = now;
  }

  /** The current time, which is always later than the last one. */
  now(): Time {
    return { sec: 1_700_000_000, nsec: ++this.#nanoseconds };
  }
}

export function resize(node: Node, size: number): void {
  if (size > 2 ** 30) throw new FsError('EFBIG');
  const data = Buffer.alloc(size);
  node.data.copy(data);
  node.data = data;
}

/** An error with the attributes of directories that have not changed. */
export function failed(code: Errno, before: Iatt, toBefore?: Iatt): FopError {
  const wcc = (iatt: Iatt) => ({ before: iatt, after: iatt });
  return new FopError(code, code, wcc(before), toBefore && wcc(toBefore));
}
