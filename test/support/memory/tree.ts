/** The objects of the brick in memory, and the functions that change them. */
import { createHash, randomBytes } from 'node:crypto';
import { type Errno, FsError } from '#src/errno.ts';
import { type Dirent, FopError, type SetAttr, type Time, type Xdata } from '#src/graph/fops.ts';
import { COOKIE_MAX } from '#src/graph/fops/cookies.ts';
import { FileType, type Iatt, type Wcc } from '#src/graph/iatt.ts';
import type { Inode } from '#src/graph/inode.ts';
import { ROOT_GFID } from '#src/graph/gfid.ts';
import type { Connection } from './cluster-locks.ts';
import { type Entry, iattOf, Node } from './node.ts';

/** A position of 63 bits for a name. */
const hashOf = (seed: string, name: string): bigint =>
  createHash('sha256').update(`${seed}/${name}`).digest().readBigUInt64BE(0) >> 1n;

/** What a brick keeps. Several xlators may be clients of one brick. */
export class Store {
  /** The id of the tree, which exists once as long as it is in memory. */
  readonly id = randomBytes(16);
  readonly nodes = new Map<string, Node>();
  /** Objects that are gone and still locked: a brick keeps them in memory for those who have the locks, or wait for them. */
  readonly locked = new Map<string, Node>();
  cookies = 2n;
  /** Set: names are listed in the order of a hash that this goes into, as ext4 does, so that each brick has its own. */
  seed: string | undefined;
  nanoseconds = 0;
  readonly root: Node;

  constructor() {
    this.root = new Node(ROOT_GFID, FileType.DIR, 0o755, this.now());
    this.nodes.set(ROOT_GFID.toString('hex'), this.root);
  }

  /** The current time, which is always later than the last one. */
  now(): Time {
    return { sec: 1_700_000_000, nsec: ++this.nanoseconds };
  }
}

/** The tree of a brick, as one of its clients uses it. */
export class Tree {
  /** The slot of the xlator, for the notes. */
  readonly #slot: number;
  readonly store: Store;
  readonly root: Node;

  constructor(slot: number, store: Store) {
    this.#slot = slot;
    this.store = store;
    this.root = store.root;
  }

  get count(): number {
    return this.store.nodes.size;
  }

  /** The attributes of a node, with a note for the inode. */
  iattOf(node: Node): Iatt {
    return iattOf(node, this.#slot);
  }

  /** Adds a node that has no name yet. */
  add(type: FileType, mode: number, gfid = randomBytes(16)): Node {
    const { nodes } = this.store;
    const node = new Node(gfid, type, mode, this.now());
    nodes.set(gfid.toString('hex'), node);
    return node;
  }

  find(gfid: Buffer): Node {
    const node = this.store.nodes.get(gfid.toString('hex'));
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

  enter(directory: Node, name: string, node: Node): void {
    directory.entries.set(name, { node, cookie: ++this.store.cookies });
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
    if (node.nlink > 0) return;
    const gfid = node.gfid.toString('hex');
    this.store.nodes.delete(gfid);
    if (node.locks.rangeCount() > 0) this.store.locked.set(gfid, node);
  }

  /** The object for a lock on it, which may be gone if it is locked already. */
  lockable(inode: Inode): Node {
    const gfid = inode.gfid.toString('hex');
    const gone = this.store.locked.get(gfid);
    if (gone !== undefined && gone.locks.rangeCount() > 0) return gone;
    this.store.locked.delete(gfid);
    return this.of(inode);
  }

  list(directory: Node, size: number, cookie: bigint): { nodes: (Dirent & { node: Node })[]; eof: boolean } {
    const rest = this.#positions(directory).filter(({ begin }) => begin >= cookie);
    const nodes: (Dirent & { node: Node })[] = [];
    let left = size;
    for (const { name, node, cookie: next } of rest) {
      left -= name.length + 24;
      if (left < 0 && nodes.length > 0) break;
      nodes.push({ name, ino: node.ino, cookie: next, node });
    }
    return { nodes, eof: nodes.length === rest.length };
  }

  /** All entries in the order of listings: where each begins, and the cookie from which the listing goes on behind it. */
  #positions(directory: Node): { name: string; node: Node; begin: bigint; cookie: bigint }[] {
    const all: [string, Entry][] = [
      ['.', { node: directory, cookie: 1n }],
      ['..', { node: directory.parent, cookie: 2n }],
      ...directory.entries,
    ];
    const { seed } = this.store;
    if (seed === undefined) return all.map(([name, { node, cookie }]) => ({ name, node, begin: cookie - 1n, cookie }));
    const hashed = all.map(([name, { node }]) => ({ name, node, begin: hashOf(seed, name) }));
    hashed.sort((a, b) => (a.begin < b.begin ? -1 : 1));
    return hashed.map((entry, i) => ({ ...entry, cookie: hashed[i + 1]?.begin ?? COOKIE_MAX }));
  }

  /** Gives up the locks of a connection that has ended, on every object. */
  drop(connection: Connection): void {
    for (const { locks } of [...this.store.nodes.values(), ...this.store.locked.values()]) locks.drop(connection);
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

  now(): Time {
    return this.store.now();
  }
}

export function resize(node: Node, size: number): void {
  if (size > 2 ** 30) throw new FsError('EFBIG');
  const data = Buffer.alloc(size);
  node.data.copy(data);
  node.data = data;
}

/** An error with the attributes of directories that have not changed. */
export function failed(code: Errno, before: Iatt, toBefore?: Iatt, xdata?: Xdata): FopError {
  const wcc = (iatt: Iatt) => ({ before: iatt, after: iatt });
  return new FopError(code, code, wcc(before), toBefore && wcc(toBefore), xdata);
}
