/** Reads and changes the content of files. */
import { FALLOC_FL_KEEP_SIZE } from '../../../../sys/constants.ts';
import { FsError } from '../../../../errno.ts';
import { type ReadReply, Stable, type WccReply, type Written, type Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { change } from '../answers/change.ts';
import { mergedIatt, mergedWcc } from '../answers/iatts.ts';
import type { Value } from '../answers/majority.ts';
import { has } from '../bricks.ts';
import { Failed, type Done, type Held } from '../lock/inode-lock.ts';
import type { Locks } from '../lock/locks.ts';
import type { Volume } from '../volume.ts';
import { FLUSH, LOOK, reading, writing } from '../wishes.ts';
import { answered, asking } from '../xattrs.ts';
import { readStripes } from './fragments.ts';
import { appends, fdAt } from './open-files.ts';
import { down, up } from './ranges.ts';

export class Data {
  readonly #volume: Volume;
  readonly #locks: Locks;
  readonly #slot: number;

  constructor(volume: Volume, locks: Locks, slot: number) {
    this.#volume = volume;
    this.#locks = locks;
    this.#slot = slot;
  }

  async read(frame: Frame, fd: Fd, size: number, offset: number, asked?: Xdata): Promise<ReadReply> {
    const volume = this.#volume;
    requireFile(fd.inode);
    const from = down(offset, volume.stripe);
    const to = up(offset + size, volume.stripe);
    const xdata = asked && asking(asked, []);
    return this.#locks.run(frame, fd.inode, reading(from, to), async held => {
      const stripes = await readStripes(volume, frame, fd, held, from, to, this.#slot, xdata);
      const end = Math.min(offset + size, held.size);
      const data = end <= offset ? Buffer.alloc(0) : stripes.data.subarray(offset - from, end - from);
      const iatt = mergedIatt(volume, stripes.iatts, held.size);
      const more = answered(stripes.xdata, asked);
      return { result: { data, eof: offset + size >= held.size, iatt, ...(more && { xdata: more }) } };
    });
  }

  async write(frame: Frame, fd: Fd, data: Buffer, offset: number, stable: Stable, xdata?: Xdata): Promise<Written> {
    const { stripe, k } = this.#volume;
    requireFile(fd.inode);
    if (data.length === 0) {
      const { iatt } = await this.read(frame, fd.inode.fd, 0, 0);
      return { before: iatt, after: iatt, count: 0, stable };
    }
    const isAppended = appends(fd, this.#slot);
    const wish = isAppended
      ? writing(0, Infinity)
      : this.#writing(down(offset, stripe), up(offset + data.length, stripe));
    const reply = await this.#locks.run(frame, fd.inode, wish, async (held): Promise<Done<Written>> => {
      const at = isAppended ? held.size : offset;
      const whole = await this.#whole(frame, fd, held, data, at);
      const fragments = this.#volume.codec.encode(whole);
      const from = down(at, stripe) / k;
      const { values, missed } = await change(this.#volume, held, 'data', (child, index) =>
        child.writev(frame, fdAt(fd, this.#slot, index), fragments[index]!, from, stable, xdata),
      );
      const end = at + data.length;
      const wcc = mergedWcc(this.#volume, values, held.size, Math.max(this.#sizeNow(fd.inode, held), end));
      const stableAs = Math.min(...values.map(({ value }) => value.stable)) as Stable;
      const result = { ...wcc, count: data.length, stable: stableAs, ...more(values, xdata) };
      return { result, changed: 'data', missed, end };
    });
    if (stable !== Stable.UNSTABLE) await this.flush(frame, fd.inode);
    return reply;
  }

  /** Writes what only this process knows of the file. */
  flush(frame: Frame, inode: Inode): Promise<void> {
    if (this.#locks.sizeOf(inode.gfid) === undefined) return Promise.resolve();
    return this.#locks.run(frame, inode, FLUSH, () => Promise.resolve({ result: undefined }));
  }

  /** Cuts or extends a file. */
  async truncate(
    frame: Frame,
    fd: Fd,
    size: number,
    call: (child: Xlator, index: number, fragment: number) => Promise<WccReply>,
    asked?: Xdata,
  ): Promise<WccReply> {
    const { stripe, k } = this.#volume;
    requireFile(fd.inode);
    const from = down(size, stripe);
    const end = up(size, stripe);
    return this.#locks.run(frame, fd.inode, writing(from, Infinity), async (held): Promise<Done<WccReply>> => {
      // What follows the end of the file in its last stripe must be zeros. Nothing is cut if that cannot be read.
      const last = size < held.size && size < end ? await this.#stripe(frame, fd, held, from) : undefined;
      const cut = await change(this.#volume, held, 'data', (child, index) => call(child, index, end / k));
      let { missed } = cut;
      if (last !== undefined) {
        const still = { ...held, good: held.good & ~missed };
        missed |= await this.#clear(frame, fd, still, from, last, size - from).catch((error: unknown) => {
          throw after(missed, error, size);
        });
      }
      const wcc = mergedWcc(this.#volume, cut.values, held.size, size);
      return { result: { ...wcc, ...more(cut.values, asked) }, changed: 'data', missed, size };
    });
  }

  async fallocate(
    frame: Frame,
    fd: Fd,
    mode: number,
    offset: number,
    length: number,
    xdata?: Xdata,
  ): Promise<WccReply> {
    if ((mode & ~FALLOC_FL_KEEP_SIZE) !== 0) throw new FsError('EOPNOTSUPP');
    const { stripe, k } = this.#volume;
    requireFile(fd.inode);
    const from = down(offset, stripe);
    const to = up(offset + length, stripe);
    return this.#locks.run(frame, fd.inode, this.#writing(from, to), async (held): Promise<Done<WccReply>> => {
      const { values, missed } = await change(this.#volume, held, 'data', (child, index) =>
        child.fallocate(frame, fdAt(fd, this.#slot, index), mode, from / k, (to - from) / k, xdata),
      );
      const now = this.#sizeNow(fd.inode, held);
      const end = mode & FALLOC_FL_KEEP_SIZE ? 0 : offset + length;
      const wcc = mergedWcc(this.#volume, values, now, Math.max(now, end));
      return { result: { ...wcc, ...more(values, xdata) }, changed: 'data', missed, end };
    });
  }

  /** Makes a range zeros: whole stripes as holes, and the ends by writing. `extends` moves the end of the file. */
  async zero(frame: Frame, fd: Fd, offset: number, length: number, extend: boolean, xdata?: Xdata): Promise<WccReply> {
    const { stripe, k } = this.#volume;
    requireFile(fd.inode);
    const end = offset + length;
    const wish = writing(down(offset, stripe), Infinity);
    return this.#locks.run(frame, fd.inode, wish, async (held): Promise<Done<WccReply>> => {
      const size = extend ? Math.max(held.size, end) : held.size;
      const [from, to] = [up(offset, stripe), Math.min(down(end, stripe), up(held.size, stripe))];
      let now = held;
      let missed = 0;
      const lose = (bricks: number) => {
        missed |= bricks;
        now = { ...now, good: now.good & ~bricks };
      };
      const also = (error: unknown) => Promise.reject(after(missed, error));
      const ends = [[offset, Math.min(end, from)], ...(to >= from ? [[to, end]] : [])] as const;
      for (const [first, before] of ends) {
        const last = Math.min(before!, held.size);
        if (last <= first!) continue;
        const start = down(first!, stripe);
        const whole = await this.#stripe(frame, fd, now, start).catch(also);
        lose(await this.#clear(frame, fd, now, start, whole, first! - start, last - first!).catch(also));
      }
      const fdOf = (index: number) => fdAt(fd, this.#slot, index);
      const calls = (child: Xlator, index: number): Promise<WccReply> =>
        to > from
          ? child.discard(frame, fdOf(index), from / k, (to - from) / k, xdata)
          : child.fstat(frame, fdOf(index)).then(iatt => ({ before: iatt, after: iatt }));
      const punched = await change(this.#volume, now, 'data', calls).catch(also);
      lose(punched.missed);
      if (size > held.size) {
        const grown = await change(this.#volume, now, 'data', (child, index) =>
          child.ftruncate(frame, fdOf(index), up(size, stripe) / k),
        ).catch(also);
        lose(grown.missed);
      }
      const wcc = mergedWcc(this.#volume, punched.values, held.size, size);
      const result = { ...wcc, ...more(punched.values, xdata) };
      return { result, changed: 'data', missed, end: extend ? end : 0 };
    });
  }

  async fsync(frame: Frame, fd: Fd, dataOnly: boolean, xdata?: Xdata): Promise<WccReply> {
    await this.flush(frame, fd.inode);
    return this.#locks.run(frame, fd.inode, LOOK, async held => {
      const { values, missed } = await change(this.#volume, held, 'nothing', (child, index) =>
        child.fsync(frame, fdAt(fd, this.#slot, index), dataOnly, xdata),
      );
      const wcc = mergedWcc(this.#volume, values, held.size, held.size);
      // A brick that fails may have lost what it had before.
      return { result: { ...wcc, ...more(values, xdata) }, changed: missed === 0 ? 'nothing' : 'data', missed };
    });
  }

  /** Where data or a hole begins: of the fragment, in which they begin with a chunk. */
  async seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole', xdata?: Xdata): Promise<number> {
    const { stripe, k, codec } = this.#volume;
    requireFile(fd.inode);
    const from = down(offset, stripe);
    return this.#locks.run(frame, fd.inode, reading(from, Infinity), async ({ good, size }) => {
      if (offset >= size) throw new FsError('ENXIO');
      const order = this.#volume.order(fd.inode.gfid).filter(index => has(good, index));
      for (const index of order) {
        const { value, code, ...rest } = await this.#volume.askOne(index, child =>
          child.seek(frame, fdAt(fd, this.#slot, index), from / k, what, xdata),
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

  #writing(from: number, to: number) {
    return this.#volume.settings()['parallel-writes'] ? writing(from, to) : writing(0, Infinity);
  }

  /** The size at this moment: another write to other stripes may have changed it. */
  #sizeNow(inode: Inode, held: Held): number {
    return this.#locks.sizeOf(inode.gfid) ?? held.size;
  }

  /** The data with what is in their first and last stripe before and after them. */
  async #whole(frame: Frame, fd: Fd, held: Held, data: Buffer, offset: number): Promise<Buffer> {
    const { stripe } = this.#volume;
    const end = offset + data.length;
    const [from, to] = [down(offset, stripe), up(end, stripe)];
    if (from === offset && to === end) return data;
    const needsHead = from < offset && from < held.size;
    const needsTail = end < to && end < held.size;
    const tail = to - stripe;
    const whole = Buffer.allocUnsafe(to - from);
    const edges =
      needsHead && needsTail && tail === from ? [from] : [...(needsHead ? [from] : []), ...(needsTail ? [tail] : [])];
    const read = (at: number) => this.#stripe(frame, fd, held, at);
    const stripes = new Map(await Promise.all(edges.map(async at => [at, await read(at)] as const)));
    if (needsHead) stripes.get(from)!.copy(whole, 0, 0, offset - from);
    else whole.fill(0, 0, offset - from);
    if (needsTail) stripes.get(tail)!.copy(whole, end - from, end - tail, stripe);
    else whole.fill(0, end - from);
    data.copy(whole, offset - from);
    return whole;
  }

  /** One stripe as it is, on behalf of the server: a caller that may write need not be allowed to read. */
  async #stripe(frame: Frame, fd: Fd, held: Held, from: number): Promise<Buffer> {
    const { stripe } = this.#volume;
    const own = ownFrame(frame);
    const { data } = await readStripes(this.#volume, own, fd.inode.fd, held, from, from + stripe, this.#slot);
    const rest = stripe - data.length;
    return rest === 0 ? data : Buffer.concat([data, Buffer.alloc(rest)]);
  }

  /** Writes zeros into a part of the `stripe` at `from`. Returns the bricks that have missed it. */
  async #clear(
    frame: Frame,
    fd: Fd,
    held: Held,
    from: number,
    stripe: Buffer,
    start: number,
    length = Infinity,
  ): Promise<number> {
    stripe.fill(0, start, Math.min(stripe.length, start + length));
    const fragments = this.#volume.codec.encode(stripe);
    const own = { ...ownFrame(frame), ...(frame.times && { times: frame.times }) };
    const { missed } = await change(this.#volume, held, 'data', (child, index) =>
      child.writev(own, fd.inode.fd, fragments[index]!, from / this.#volume.k, Stable.UNSTABLE),
    );
    return missed;
  }
}

/** The error of a step that came after others, which these bricks have missed. */
function after(missed: number, error: unknown, size?: number): unknown {
  if (error instanceof Failed) {
    return new Failed(error.cause, { ...error.outcome, changed: 'data', missed: missed | error.outcome.missed, size });
  }
  return missed === 0 ? error : new Failed(error, { changed: 'data', missed, size });
}

function requireFile({ type }: Inode): void {
  if (type === FileType.DIR) throw new FsError('EISDIR');
  if (type !== FileType.REG) throw new FsError('EINVAL');
}

/** The xdata of an answer, without what this layer has asked for. */
function more(values: readonly Value<{ readonly xdata?: Xdata }>[], asked: Xdata | undefined): { xdata?: Xdata } {
  const xdata = answered(values[0]!.value.xdata, asked);
  return xdata === undefined ? {} : { xdata };
}
