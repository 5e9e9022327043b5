import type { WccReply } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
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
   * Cuts a file off or lets it end with a hole. `first` truncates the file with its first block: a brick checks then whether
   * the caller may, so that it comes first. A file that is longer than the first block may have that block in full length.
   */
  truncate(frame: Frame, base: Base, size: number, first: (size: number) => Promise<WccReply>): Promise<WccReply> {
    return this.#data.alone(base, async () => {
      if (base.changes.size > 0 || base.learnedAt === -Infinity) await this.#bases.ask(frame, base.inode);
      const before = base.iatt && shown(base, base.iatt);
      const kept = blocksOf(size, base.blockSize);
      const had = blocksOf(base.size, base.blockSize);
      let sectors = 0;
      const count = ({ before, after }: WccReply) => {
        if (before && after) sectors += Math.round((after.used - before.used) / SECTOR);
      };
      const reply = await first(Math.min(size, base.blockSize));
      count(reply);
      await eachOf(0, had - kept, REMOVES, async i => {
        const freed = await this.removeBlock(frame, base, had - 1 - i);
        sectors -= freed;
      });
      if (kept > 1 && size < base.size) {
        const end = size - (kept - 1) * base.blockSize;
        const find = () => this.#blocks.find(frame, base, kept - 1);
        const cut = (block: Inode) => this.#below.truncate(asRoot(frame), block, end);
        const cutOff = await this.#blocks.use(find, cut, () => this.#blocks.drop(base, kept - 1));
        if (cutOff) count(cutOff);
      }
      await this.#bases.resize(frame, base, size - base.size, sectors);
      if (reply.after) {
        base.iatt = reply.after;
        this.#bases.touched(base, reply.after);
      }
      const after = shown(base, await this.#data.iattOf(frame, base));
      return { before, after, ...(reply.xdata && { xdata: reply.xdata }) };
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
