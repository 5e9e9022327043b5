/** The blocks of files: the files in the directory `.shard`, which is made when the first of them is needed. */
import { randomBytes } from 'node:crypto';
import { errnoOf } from '../../../errno.ts';
import type { Made, Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { ROOT_GFID } from '../../../graph/gfid.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { ROOT } from '../../../graph/identity.ts';
import { Inode } from '../../../graph/inode.ts';
import { keepNotes } from '../../../graph/note.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import { forgetOf } from '../../../graph/subtree.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { Base } from './base.ts';
import { blockName, SHARD_DIR } from './layout.ts';

const NO_DEVICE = { major: 0, minor: 0 };
/** A brick may make such an object although it keeps the last of its space for itself. */
const INTERNAL: Xdata = new Map([['glusterfs-internal-fop', 1]]);

/** Whether the error says that there is no such object, or no longer. */
export const isGone = (error: unknown): boolean => ['ENOENT', 'ESTALE'].includes(errnoOf(error) ?? '');

/** The frame of what is done to blocks, which belong to root whatever file they are of. Their times are the call's. */
export const asRoot = (frame: Frame): Frame => ({ ...frame, identity: ROOT });

/** An inode that is in no table, with what the layers below have noted of it. */
export function inodeOf({ gfid, type, hint, notes }: Iatt): Inode {
  const inode = new Inode(Buffer.from(gfid), type, hint && Buffer.from(hint));
  keepNotes(inode.slots, notes);
  return inode;
}

export class Blocks {
  readonly #below: Xlator;
  readonly #limit: () => number;
  readonly #forget: (inode: Inode) => void;
  /** By the keys of their files and their numbers, those used last at the end. */
  readonly #known = new Map<string, Inode>();
  /** Those that are being made. */
  readonly #making = new Map<string, Promise<Inode>>();
  readonly #dirs = new Map<string, Inode>();

  constructor(below: Xlator, limit: () => number) {
    this.#below = below;
    this.#limit = limit;
    this.#forget = forgetOf(below);
  }

  get count(): number {
    return this.#known.size;
  }

  /** The directory of blocks, or that of markers in it; `undefined` if there is none. */
  async directory(frame: Frame, which: typeof SHARD_DIR): Promise<Inode | undefined> {
    const known = this.#dirs.get(which.name);
    if (known !== undefined) return known;
    try {
      const parent = await this.#parentOf(frame, which);
      if (parent === undefined) return undefined;
      return this.#keep(which, (await this.#below.lookup(ownFrame(frame), parent, which.name)).iatt);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** The same, and makes it if there is none. */
  async makeDirectory(frame: Frame, which: typeof SHARD_DIR): Promise<Inode> {
    const there = await this.directory(frame, which);
    if (there !== undefined) return there;
    const parent = which === SHARD_DIR ? await this.#root(frame) : await this.makeDirectory(frame, SHARD_DIR);
    const attr = { mode: 0o755, gfid: which.gfid };
    try {
      return this.#keep(which, (await this.#below.mkdir(ownFrame(frame), parent, which.name, attr, INTERNAL)).iatt);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      return this.#keep(which, (await this.#below.lookup(ownFrame(frame), parent, which.name)).iatt);
    }
  }

  async #parentOf(frame: Frame, which: typeof SHARD_DIR): Promise<Inode | undefined> {
    return which === SHARD_DIR ? this.#root(frame) : this.directory(frame, SHARD_DIR);
  }

  async #root(frame: Frame): Promise<Inode> {
    const known = this.#dirs.get('/');
    return known ?? this.#keep({ name: '/' }, (await this.#below.discover(ownFrame(frame), ROOT_GFID, undefined)).iatt);
  }

  #keep({ name }: { readonly name: string }, iatt: Iatt): Inode {
    const inode = inodeOf(iatt);
    this.#dirs.set(name, inode);
    return inode;
  }

  /** Finds a block other than the first one; `undefined` if there is none, which is a hole in the file. */
  async find(frame: Frame, base: Base, block: number): Promise<Inode | undefined> {
    const key = `${base.key}${block}`;
    const known = this.#touch(key) ?? this.#making.get(key);
    if (known !== undefined) return known;
    const dir = await this.directory(frame, SHARD_DIR);
    if (dir === undefined) return undefined;
    try {
      const { iatt } = await this.#below.lookup(ownFrame(frame), dir, blockName(base.inode.gfid, block));
      return this.#remember(key, iatt);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** Finds a block or makes it. Calls that need it at the same time get the same one. */
  async need(frame: Frame, base: Base, block: number): Promise<Inode> {
    const key = `${base.key}${block}`;
    const known = this.#touch(key) ?? this.#making.get(key);
    if (known !== undefined) return known;
    const made = this.#make(frame, base, block, key).finally(() => this.#making.delete(key));
    this.#making.set(key, made);
    return made;
  }

  async #make(frame: Frame, base: Base, block: number, key: string): Promise<Inode> {
    const dir = await this.makeDirectory(frame, SHARD_DIR);
    const name = blockName(base.inode.gfid, block);
    const own = ownFrame(frame);
    const isPastEnd = block * base.blockSize >= base.size;
    // A block behind the end is probably missing, any other is probably there.
    if (!isPastEnd) {
      try {
        return this.#remember(key, (await this.#below.lookup(own, dir, name)).iatt);
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
    const attr = { mode: base.iatt?.mode ?? 0o600, gfid: newGfid() };
    let made: Pick<Made, 'iatt'>;
    try {
      made = await this.#below.mknod(asRoot(frame), dir, name, FileType.REG, attr, NO_DEVICE);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      made = await this.#below.lookup(own, dir, name);
    }
    return this.#remember(key, made.iatt);
  }

  /**
   * Calls `work` with a block, and once more with another one if the block is gone, which another client may have removed
   * and made again. `undefined`: there is none.
   */
  async use<T>(
    find: () => Promise<Inode | undefined>,
    work: (block: Inode) => Promise<T>,
    forget: () => void,
  ): Promise<T | undefined> {
    const block = await find();
    if (block === undefined) return undefined;
    try {
      return await work(block);
    } catch (error) {
      if (!isGone(error)) throw error;
      forget();
      const again = await find();
      return again === undefined ? undefined : work(again);
    }
  }

  /** Forgets a block that is gone. */
  drop(base: Pick<Base, 'key'>, block: number): void {
    const key = `${base.key}${block}`;
    const inode = this.#known.get(key);
    if (inode === undefined) return;
    this.#known.delete(key);
    this.#forget(inode);
  }

  /** Forgets where the blocks are: the tree below may be another one. */
  clear(): void {
    for (const inode of [...this.#known.values(), ...this.#dirs.values()]) this.#forget(inode);
    this.#known.clear();
    this.#dirs.clear();
  }

  #touch(key: string): Inode | undefined {
    const inode = this.#known.get(key);
    if (inode !== undefined) {
      this.#known.delete(key);
      this.#known.set(key, inode);
    }
    return inode;
  }

  #remember(key: string, iatt: Iatt): Inode {
    const inode = inodeOf(iatt);
    this.#known.set(key, inode);
    for (const [oldest, old] of this.#known) {
      if (this.#known.size <= this.#limit()) break;
      this.#known.delete(oldest);
      this.#forget(old);
    }
    return inode;
  }
}

/** A random gfid: a UUID of version 4 (RFC 9562, 5.4). */
export function newGfid(): Buffer {
  const gfid = randomBytes(16);
  gfid[6] = (gfid[6]! & 0x0f) | 0x40;
  gfid[8] = (gfid[8]! & 0x3f) | 0x80;
  return gfid;
}
