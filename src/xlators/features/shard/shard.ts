import { O_TRUNC } from '../../../sys/constants.ts';
import type { Fops, Opened, WccReply, Args } from '../../../graph/fops.ts';
import { FileType, type Wcc } from '../../../graph/iatt.ts';
import { BLOCK_SIZE_KEY, FILE_SIZE_KEY } from './layout.ts';
import { ShardNames } from './names.ts';
import { eachOf } from './turns.ts';

/** How many blocks are synced at the same time. */
const SYNCS = 16;

/** features/shard: files consist of blocks of one size, which can lie on different subvolumes. */
export class Shard extends ShardNames {
  static readonly doc =
    'Lets a file consist of blocks of one size, of which all but the first one are files in a hidden directory.';

  override async setattr(...[frame, inode, attr, guard, xdata]: Args<'setattr'>): ReturnType<Fops['setattr']> {
    if (inode.type !== FileType.REG) return this.below.setattr(frame, inode, attr, guard, xdata);
    const base = await this.bases.known(frame, inode);
    const { size, ...others } = attr;
    if (base.blockSize === 0) return this.below.setattr(frame, inode, attr, guard, xdata);
    if (attr.mtime !== undefined) await this.bases.dropTime(base);
    if (size === undefined) return this.#changed(await this.below.setattr(frame, inode, attr, guard, xdata), true);
    // The times that are set are those that the file has in the end.
    if (guard !== undefined) await this.below.setattr(frame, inode, {}, guard);
    const { before } = await this.truncate(frame, inode, size);
    if (attr.mtime !== undefined) await this.bases.dropTime(base);
    return { ...this.#changed(await this.below.setattr(frame, inode, others, undefined, xdata), true), before };
  }

  override async fsetattr(...[frame, fd, attr, xdata]: Args<'fsetattr'>): ReturnType<Fops['fsetattr']> {
    return attr.size === undefined && fd.anonymous === false && fd.inode.type === FileType.REG
      ? this.#fsetattr(frame, fd, attr, xdata)
      : this.setattr(frame, fd.inode, attr, undefined, xdata);
  }

  async #fsetattr(...[frame, fd, attr, xdata]: Args<'fsetattr'>): ReturnType<Fops['fsetattr']> {
    const base = await this.bases.known(frame, fd.inode);
    if (attr.mtime !== undefined) await this.bases.dropTime(base);
    return this.#changed(await this.below.fsetattr(frame, fd, attr, xdata), true);
  }

  override async truncate(...[frame, inode, size, xdata]: Args<'truncate'>): ReturnType<Fops['truncate']> {
    const first = (size: number) => this.below.truncate(frame, inode, size, xdata);
    if (inode.type !== FileType.REG) return first(size);
    const base = await this.bases.known(frame, inode);
    return base.blockSize === 0 ? first(size) : this.truncation.truncate(frame, base, size, first);
  }

  override async ftruncate(...[frame, fd, size, xdata]: Args<'ftruncate'>): ReturnType<Fops['ftruncate']> {
    const first = (size: number) => this.below.ftruncate(frame, fd, size, xdata);
    const base = await this.bases.known(frame, fd.inode);
    return base.blockSize === 0 ? first(size) : this.truncation.truncate(frame, base, size, first);
  }

  override async open(...[frame, inode, flags, xdata]: Args<'open'>): Promise<Opened> {
    if ((flags & O_TRUNC) === 0) return this.below.open(frame, inode, flags, xdata);
    const opened = await this.below.open(frame, inode, flags & ~O_TRUNC, xdata);
    await this.truncate(frame, inode, 0);
    return opened;
  }

  override readv(...args: Args<'readv'>): ReturnType<Fops['readv']> {
    return this.data.readv(...args);
  }

  override writev(...args: Args<'writev'>): ReturnType<Fops['writev']> {
    return this.data.writev(...args);
  }

  override fallocate(...args: Args<'fallocate'>): ReturnType<Fops['fallocate']> {
    return this.data.fallocate(...args);
  }

  override discard(...args: Args<'discard'>): ReturnType<Fops['discard']> {
    return this.data.discard(...args);
  }

  override zerofill(...args: Args<'zerofill'>): ReturnType<Fops['zerofill']> {
    return this.data.zerofill(...args);
  }

  override seek(...args: Args<'seek'>): ReturnType<Fops['seek']> {
    return this.data.seek(...args);
  }

  override async fsync(...[frame, fd, dataOnly, xdata]: Args<'fsync'>): ReturnType<Fops['fsync']> {
    const base = this.bases.find(fd.inode.gfid);
    if (base === undefined) return this.below.fsync(frame, fd, dataOnly, xdata);
    const blocks = [...base.unsynced];
    base.unsynced.clear();
    try {
      await this.data.together(base, async () => {
        await this.bases.setTime(base);
        await eachOf(0, blocks.length, SYNCS, async i => {
          const block = await this.blocks.find(frame, base, blocks[i]!);
          if (block !== undefined) await this.below.fsync(frame, block.fd, dataOnly);
        });
      });
      return this.#changed(await this.below.fsync(frame, fd, dataOnly, xdata));
    } catch (error) {
      for (const block of blocks) base.unsynced.add(block);
      throw error;
    }
  }

  override async getxattr(...args: Args<'getxattr'>): ReturnType<Fops['getxattr']> {
    const values = await this.below.getxattr(...args);
    return args[2] === undefined && values.has(BLOCK_SIZE_KEY)
      ? new Map([...values].filter(([name]) => name !== BLOCK_SIZE_KEY && name !== FILE_SIZE_KEY))
      : values;
  }

  /** The answer to a change of a file, as clients see it. */
  #changed(reply: WccReply, learns = false): WccReply {
    const { after } = reply;
    const base = after === undefined ? undefined : this.bases.find(after.gfid);
    if (learns && base !== undefined) base.iatt = after;
    const wcc: Wcc = {
      before: reply.before && this.shown(reply.before),
      after: after && this.shown(after),
    };
    return { ...reply, ...wcc };
  }
}
