/**
 * How a file with blocks is removed, as GlusterFS does it: a marker with its gfid as name is put into `.shard/.remove_me`,
 * the file is removed, and then the blocks are, by whichever client finds the marker.
 */
import { gfidOfText, gfidText } from '../../../graph/gfid.ts';
import { randomBytes } from 'node:crypto';
import { errnoOf } from '../../../errno.ts';
import type { Found, LockType, Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType } from '../../../graph/iatt.ts';
import { Fd, Inode } from '../../../graph/inode.ts';
import { OWN, ownFrame } from '../../../graph/own-frame.ts';
import { releaseOf } from '../../../graph/subtree.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { Bases } from './bases.ts';
import { type Blocks, inodeOf, isGone, newGfid } from './blocks.ts';
import {
  asking,
  BLOCK_SIZE_KEY,
  blocksOf,
  blockSizeValue,
  FILE_SIZE_KEY,
  REMOVE_ME_DIR,
  sizeOf,
  sizeValue,
} from './layout.ts';
import type { Truncation } from './truncate.ts';
import { eachOf } from './turns.ts';

const NO_DEVICE = { major: 0, minor: 0 };
const LIST_BYTES = 64 * 1024;

interface Settings {
  /** The domain of the locks. */
  readonly domain: string;
  /** How many blocks are removed at the same time. */
  readonly rate: () => number;
  /** Told of what could not be done behind a call. */
  readonly failed: (error: unknown) => void;
}

export class Removal {
  readonly #below: Xlator;
  readonly #bases: Bases;
  readonly #blocks: Blocks;
  readonly #truncation: Truncation;
  readonly #settings: Settings;
  readonly #release: (fd: Fd) => void;
  /** Removes the blocks of files that are gone. */
  #sweeping: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(below: Xlator, bases: Bases, blocks: Blocks, truncation: Truncation, settings: Settings) {
    this.#below = below;
    this.#bases = bases;
    this.#blocks = blocks;
    this.#truncation = truncation;
    this.#settings = settings;
    this.#release = releaseOf(below);
  }

  /**
   * Calls `remove`, which removes the last name of `found`, perhaps, or one of several. The blocks go with the last one.
   */
  async remove<T>(frame: Frame, { iatt, xdata }: Found, mark: number, remove: () => Promise<T>): Promise<T> {
    const base = this.#bases.learn(iatt, xdata, mark);
    if (base === undefined || blocksOf(base.size, base.blockSize || Infinity) === 1) return remove();
    const own = ownFrame(frame, randomBytes(8));
    const inode = inodeOf(iatt);
    const lock = (type: LockType) =>
      this.#below.inodelk(own, this.#settings.domain, inode, { type, start: 0n, length: 0n }, true);
    await lock('write');
    try {
      const now = await this.#below.stat(own, inode, asking(undefined));
      return now.nlink > 1 ? await remove() : await this.#removeLast(frame, own, inode, now.xdata, remove);
    } finally {
      await lock('unlock').catch(() => {}); // the lock has gone with a connection
    }
  }

  async #removeLast<T>(
    frame: Frame,
    own: Frame,
    inode: Inode,
    xdata: Xdata | undefined,
    remove: () => Promise<T>,
  ): Promise<T> {
    const dir = await this.#blocks.makeDirectory(frame, REMOVE_ME_DIR);
    const name = gfidText(inode.gfid);
    const lock = (type: LockType) => this.#below.entrylk(own, this.#settings.domain, dir, name, type, true);
    await lock('write');
    try {
      await this.#mark(own, dir, name, xdata);
      try {
        return await remove();
      } catch (error) {
        if (!isGone(error)) await this.#below.unlink(own, dir, name).catch(this.#settings.failed);
        throw error;
      }
    } finally {
      await lock('unlock').catch(() => {});
      this.sweep();
    }
  }

  /** Makes the marker of a file, with the file's size. */
  async #mark(own: Frame, dir: Inode, name: string, xdata: Xdata | undefined): Promise<void> {
    const size = sizeOf(xdata);
    if (size === undefined) return;
    const values = new Map([
      [BLOCK_SIZE_KEY, blockSizeValue(size.blockSize)],
      [FILE_SIZE_KEY, sizeValue(size.bytes, 0)],
    ]);
    const words: Xdata = new Map<string, Buffer | number>([...values, ['glusterfs-internal-fop', 1]]);
    try {
      await this.#below.mknod(own, dir, name, FileType.REG, { mode: 0o644, gfid: newGfid() }, NO_DEVICE, words);
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      // An attempt to remove the file has failed before; the file may have grown since.
      const { iatt } = await this.#below.lookup(own, dir, name);
      await this.#below.setxattr(own, inodeOf(iatt), values, 0);
    }
  }

  /** Removes the blocks of all files that are gone, behind the calls. */
  sweep(): void {
    this.#again = true;
    if (this.#stopped) return;
    this.#sweeping ??= this.#sweepAll().finally(() => (this.#sweeping = undefined));
  }

  /** Ends the work behind the calls; another client, or the next start, goes on with it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#sweeping;
  }

  async #sweepAll(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#sweepOnce();
      } catch (error) {
        this.#settings.failed(error);
      }
    }
  }

  async #sweepOnce(): Promise<void> {
    const own = ownFrame(OWN, randomBytes(8));
    const dir = await this.#blocks.directory(own, REMOVE_ME_DIR);
    if (dir === undefined) return;
    const fd = new Fd(dir, 0, (await this.#below.opendir(own, dir)).notes);
    try {
      for (let cookie = 0n; !this.#stopped;) {
        const { entries, eof } = await this.#below.readdir(own, fd, LIST_BYTES, cookie);
        for (const { name } of entries) {
          if (this.#stopped) return;
          await this.#sweepOne(own, dir, name).catch(this.#settings.failed);
        }
        if (eof || entries.length === 0) return;
        cookie = entries.at(-1)!.cookie;
      }
    } finally {
      this.#release(fd);
    }
  }

  /** Removes the blocks of one file, unless the file is there still or another client does it. */
  async #sweepOne(own: Frame, dir: Inode, name: string): Promise<void> {
    const gfid = gfidOfText(name);
    if (gfid === undefined || (await this.#isThere(own, gfid))) return;
    const lock = (type: LockType) => this.#below.entrylk(own, this.#settings.domain, dir, name, type, false);
    try {
      await lock('write');
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return;
      throw error;
    }
    try {
      const marker = await this.#below.lookup(own, dir, name, asking(undefined));
      const size = sizeOf(marker.xdata);
      const count = size === undefined ? 1 : blocksOf(size.bytes, size.blockSize);
      const base = { key: gfid.toString('latin1'), inode: new Inode(gfid, FileType.REG) };
      await eachOf(1, count, this.#settings.rate(), async block => {
        if (!this.#stopped) await this.#truncation.removeBlock(own, base, block);
      });
      if (!this.#stopped) await this.#below.unlink(own, dir, name);
    } catch (error) {
      if (!isGone(error)) throw error; // another client was faster
    } finally {
      await lock('unlock').catch(() => {});
    }
  }

  /** Whether a file is there, or open at least. */
  async #isThere(own: Frame, gfid: Buffer): Promise<boolean> {
    try {
      await this.#below.discover(own, gfid, undefined, new Map([['unlinked-lookup', 1]]));
      return true;
    } catch (error) {
      if (isGone(error)) return false;
      throw error;
    }
  }
}
