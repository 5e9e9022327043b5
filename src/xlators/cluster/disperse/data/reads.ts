/** Reads the content of files, and has bricks keep it. */
import { FsError } from '../../../../errno.ts';
import type { ReadReply, WccReply, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import { change } from '../answers/change.ts';
import { mergedIatt, mergedWcc } from '../answers/iatts.ts';
import type { Value } from '../answers/majority.ts';
import { has } from '../bricks.ts';
import type { Held } from '../lock/inode-lock.ts';
import type { Locks } from '../lock/locks.ts';
import type { Volume } from '../volume.ts';
import { FLUSH, LOOK, reading } from '../wishes.ts';
import { answered, asking } from '../xattrs.ts';
import { Bytes } from './bytes.ts';
import { readStripes } from './fragments.ts';
import { fdAt } from './open-files.ts';
import { down, up } from './ranges.ts';

export class Reads {
  protected readonly volume: Volume;
  protected readonly locks: Locks;
  protected readonly slot: number;
  readonly bytes: Bytes;

  constructor(volume: Volume, locks: Locks, slot: number) {
    this.volume = volume;
    this.locks = locks;
    this.slot = slot;
    this.bytes = new Bytes(volume, locks);
  }

  async read(frame: Frame, fd: Fd, size: number, offset: number, asked?: Xdata): Promise<ReadReply> {
    const volume = this.volume;
    requireFile(fd.inode);
    const from = down(offset, volume.stripe);
    const to = up(offset + size, volume.stripe);
    const xdata = asked && asking(asked, []);
    return this.bytes.run(frame, fd.inode, reading(from, to), async held => {
      const stripes = await readStripes(volume, frame, fd, held, from, to, this.slot, xdata);
      const end = Math.min(offset + size, held.size);
      const data = end <= offset ? Buffer.alloc(0) : stripes.data.subarray(offset - from, end - from);
      const iatt = mergedIatt(volume, stripes.iatts, held.size);
      const more = answered(stripes.xdata, asked);
      return { result: { data, eof: offset + size >= held.size, iatt, ...(more && { xdata: more }) } };
    });
  }

  /** Writes what only this process knows of the file. */
  flush(frame: Frame, inode: Inode): Promise<void> {
    if (this.locks.sizeOf(inode.gfid) === undefined) return Promise.resolve();
    return this.locks.run(frame, inode, FLUSH, () => Promise.resolve({ result: undefined }));
  }

  async fsync(frame: Frame, fd: Fd, dataOnly: boolean, xdata?: Xdata): Promise<WccReply> {
    await this.flush(frame, fd.inode);
    return this.locks.run(frame, fd.inode, LOOK, async held => {
      const { values, missed } = await change(this.volume, held, 'nothing', (child, index) =>
        child.fsync(frame, fdAt(fd, this.slot, index), dataOnly, xdata),
      );
      const wcc = mergedWcc(this.volume, values, held.size, held.size);
      // A brick that fails may have lost what it had before.
      return { result: { ...wcc, ...more(values, xdata) }, changed: missed === 0 ? 'nothing' : 'data', missed };
    });
  }

  /** Where data or a hole begins: of the fragment, in which they begin with a chunk. */
  async seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole', xdata?: Xdata): Promise<number> {
    const { stripe, k, codec } = this.volume;
    requireFile(fd.inode);
    const from = down(offset, stripe);
    return this.bytes.run(frame, fd.inode, reading(from, Infinity), async ({ good, size }) => {
      if (offset >= size) throw new FsError('ENXIO');
      const order = this.volume.order(fd.inode.gfid).filter(index => has(good, index));
      for (const index of order) {
        const { value, code, ...rest } = await this.volume.askOne(index, child =>
          child.seek(frame, fdAt(fd, this.slot, index), from / k, what, xdata),
        );
        if (code === 'ENOTCONN') continue;
        if (code !== undefined) throw (rest as { error: unknown }).error;
        // A hole may begin anywhere in a chunk's last block; a chunk counts as data if any of it is.
        const chunk = codec.stripe / k;
        const at = what === 'data' ? Math.floor(value / chunk) : Math.ceil(value / chunk);
        return { result: Math.min(size, Math.max(offset, at * stripe)) };
      }
      throw new FsError('ENOTCONN');
    });
  }

  /** One stripe as it is, on behalf of the server: a caller that may write need not be allowed to read. */
  protected async stripe(frame: Frame, fd: Fd, held: Held, from: number): Promise<Buffer> {
    const { stripe } = this.volume;
    const own = ownFrame(frame);
    const { data } = await readStripes(this.volume, own, fd.inode.fd, held, from, from + stripe, this.slot);
    const rest = stripe - data.length;
    return rest === 0 ? data : Buffer.concat([data, Buffer.alloc(rest)]);
  }
}

export function requireFile({ type }: Inode): void {
  if (type === FileType.DIR) throw new FsError('EISDIR');
  if (type !== FileType.REG) throw new FsError('EINVAL');
}

/** The xdata of an answer, without what this layer has asked for. */
export function more(
  values: readonly Value<{ readonly xdata?: Xdata }>[],
  asked: Xdata | undefined,
): { xdata?: Xdata } {
  const xdata = answered(values[0]!.value.xdata, asked);
  return xdata === undefined ? {} : { xdata };
}
