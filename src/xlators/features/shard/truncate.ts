import type { WccReply, Xdata } from '../../../graph/fops.ts';
import { Access } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Base, shown } from './base.ts';
import type { Bases } from './bases.ts';
import { asRoot, type Blocks, isGone } from './blocks.ts';
import type { Data } from './data.ts';
import { blockName, blocksOf, SECTOR, SHARD_DIR } from './layout.ts';
import { eachOf } from './turns.ts';

/** How many blocks are removed at the same time. */
const REMOVES = 16;

/** Gives files another size. */
export class Truncation {
  readonly #below: Xlator;
  readonly #bases: Bases;
  readonly #blocks: Blocks;
  readonly #data: Data;

  constructor(below: Xlator, bases: Bases, blocks: Blocks, data: Data) {
    this.#below = below;
    this.#bases = bases;
    this.#blocks = blocks;
    this.#data = data;
  }

  /**
   * Cuts a file off or lets it end with a hole. Blocks are removed from the last one on, so that an attempt that fails can be
   * made again. `first` truncates the file with its first block.
   */
  truncate(frame: Frame, base: Base, size: number, first: (size: number) => Promise<WccReply>): Promise<WccReply> {
    return this.#data.alone(base, async () => {
      if (base.changes.size > 0 || base.learnedAt === -Infinity) await this.#bases.ask(frame, base.inode);
      const before = base.iatt && shown(base, base.iatt);
      const kept = blocksOf(size, base.blockSize);
      let xdata: Xdata | undefined;
      let sectors = 0;
      const count = ({ before, after }: WccReply) => {
        if (before && after) sectors += Math.round((after.used - before.used) / SECTOR);
      };
      // A file of one block only is changed as any other. Of a longer one the brick is asked for the caller's right to it.
      const isFirst = kept === 1;
      if (!isFirst) await this.#data.allow(frame, base, Access.WRITE);
      if (size < base.size) {
        const had = blocksOf(base.size, base.blockSize);
        await eachOf(0, had - kept, REMOVES, async i => {
          const freed = await this.removeBlock(frame, base, had - 1 - i);
          sectors -= freed;
        });
        if (!isFirst) {
          const end = size - (kept - 1) * base.blockSize;
          const find = () => this.#blocks.find(frame, base, kept - 1);
          const cut = (block: Inode) => this.#below.truncate(asRoot(frame), block, end);
          const cutOff = await this.#blocks.use(find, cut, () => this.#blocks.drop(base, kept - 1));
          if (cutOff) count(cutOff);
        }
      }
      let iatt: Iatt | undefined;
      if (isFirst) {
        const reply = await first(size);
        count(reply);
        ({ after: iatt, xdata } = reply);
      } else {
        // The file itself is not changed, but gets the time of the change.
        const now = frame.times ?? clock();
        this.#bases.touch(base, { sec: now.sec, nsec: now.nsec });
      }
      await this.#bases.resize(frame, base, size - base.size, sectors);
      if (iatt !== undefined) {
        base.iatt = iatt;
        this.#bases.touched(base, iatt);
      }
      const after = shown(base, await this.#data.iattOf(frame, base));
      return { before, after, ...(xdata && { xdata }) };
    });
  }

  /** Removes a block and answers with what it occupied, in sectors. */
  async removeBlock(frame: Frame, base: Pick<Base, 'key' | 'inode'>, block: number): Promise<number> {
    const dir = await this.#blocks.directory(frame, SHARD_DIR);
    if (dir === undefined) return 0;
    const name = blockName(base.inode.gfid, block);
    this.#blocks.drop(base, block);
    try {
      const own = ownFrame(frame);
      const { iatt } = await this.#below.lookup(own, dir, name);
      await this.#below.unlink({ ...own, ...(frame.times && { times: frame.times }) }, dir, name);
      return Math.round(iatt.used / SECTOR);
    } catch (error) {
      if (isGone(error)) return 0;
      throw error;
    }
  }
}

function clock(): { sec: number; nsec: number } {
  const ms = Date.now();
  return { sec: Math.floor(ms / 1000), nsec: (ms % 1000) * 1_000_000 };
}
