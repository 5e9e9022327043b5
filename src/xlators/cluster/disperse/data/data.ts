/** Changes the content of files. */
import { FALLOC_FL_KEEP_SIZE } from '../../../../sys/constants.ts';
import { FsError } from '../../../../errno.ts';
import { Stable, type WccReply, type Written, type Xdata } from '../../../../graph/fops.ts';
import { requireBelowMax } from '../../../../graph/fops/range.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { change, type Changed } from '../answers/change.ts';
import { mergedWcc } from '../answers/iatts.ts';
import type { Bricks } from '../bricks.ts';
import { Failed, type Done, type Held } from '../lock/inode-lock.ts';
import { writing } from '../wishes.ts';
import { whichHave } from './fragments.ts';
import { appends, fdAt } from './open-files.ts';
import { down, up } from './ranges.ts';
import { more, Reads, requireFile } from './reads.ts';
import type { Tear } from './torn.ts';

type Call = (child: Xlator, index: number, fragment: number) => Promise<WccReply>;

export class Data extends Reads {
  async write(frame: Frame, fd: Fd, data: Buffer, offset: number, stable: Stable, xdata?: Xdata): Promise<Written> {
    const { stripe } = this.volume;
    requireFile(fd.inode);
    requireBelowMax(offset + data.length);
    if (data.length === 0) {
      const { iatt } = await this.read(frame, fd.inode.fd, 0, 0);
      return { before: iatt, after: iatt, count: 0, stable };
    }
    const isAppended = appends(fd, this.slot);
    const wish = isAppended
      ? writing(0, Infinity)
      : this.#writing(down(offset, stripe), up(offset + data.length, stripe));
    const { losses } = this.volume;
    const reply = await this.bytes.run(frame, fd.inode, wish, async (held): Promise<Done<Written>> => {
      const at = isAppended ? held.size : offset;
      const whole = await this.#whole(frame, fd, held, data, at);
      const end = at + data.length;
      const call = async (): Promise<Done<Written>> => {
        const { values, missed } = await this.#put(frame, fd, held, down(at, stripe), whole, stable, xdata);
        const wcc = mergedWcc(this.volume, values, held.size, Math.max(this.#sizeNow(fd.inode, held), end));
        const stableAs = Math.min(...values.map(({ value }) => value.stable)) as Stable;
        const result = { ...wcc, count: data.length, stable: stableAs, ...more(values, xdata) };
        return { result, changed: 'data', missed, end };
      };
      return this.bytes.change(held, call, () => this.#tear(frame, fd.inode, down(at, stripe), whole, end));
    });
    if (stable === Stable.UNSTABLE) return reply;
    await this.flush(frame, fd.inode);
    if (this.volume.losses !== losses) {
      throw new FsError('ENOTCONN', `ENOTCONN: too few bricks of ${this.volume.name} have taken the size of the file`);
    }
    return reply;
  }

  /** Writes whole stripes. */
  #put(
    frame: Frame,
    fd: Fd,
    held: Held,
    from: number,
    stripes: Buffer,
    stable: Stable,
    xdata?: Xdata,
  ): Promise<Changed<Written>> {
    const { codec, k } = this.volume;
    const fragments = codec.encode(stripes);
    return change(this.volume, held, 'data', async (child, index) => {
      const fragment = fragments[index]!;
      const written = await child.writev(frame, fdAt(fd, this.slot, index), fragment, from / k, stable, xdata);
      if (written.count === fragment.length) return written;
      throw new FsError('EIO', `EIO: ${child.name} took ${written.count} of ${fragment.length} bytes`);
    });
  }

  /** What is kept of a write that too few bricks have taken. */
  #tear(frame: Frame, inode: Inode, from: number, stripes: Buffer, end: number): Tear {
    const kept = Buffer.from(stripes);
    const own = this.#own(frame);
    const again = async (held: Held): Promise<Done<void>> => {
      const { mine, isSame } = await whichHave(this.volume, inode, held.good, from, kept);
      // None has it, or another client has written since: it has failed, as its caller was told.
      if (mine === 0 || (isSame && mine !== held.good)) return { result: undefined };
      if (mine === held.good) return { result: undefined, changed: 'data', end };
      const { missed } = await this.#put(own, inode.fd, held, from, kept, Stable.UNSTABLE);
      return { result: undefined, changed: 'data', missed, end };
    };
    return { inode, from, to: from + stripes.length, bytes: stripes.length, again };
  }

  #own(frame: Frame): Frame {
    return { ...ownFrame(frame), ...(frame.times && { times: frame.times }) };
  }

  /** Cuts or extends a file. */
  async truncate(frame: Frame, fd: Fd, size: number, call: Call, asked?: Xdata): Promise<WccReply> {
    const { stripe, k } = this.volume;
    requireFile(fd.inode);
    requireBelowMax(size);
    const from = down(size, stripe);
    const end = up(size, stripe);
    return this.bytes.run(frame, fd.inode, writing(from, Infinity), async (held): Promise<Done<WccReply>> => {
      // What follows the end of the file in its last stripe must be zeros. Nothing is cut if that cannot be read.
      const last = size < held.size && size < end ? await this.stripe(frame, fd, held, from) : undefined;
      const cut = async (held: Held, own: Frame, fd: Fd, call: Call): Promise<Done<WccReply>> => {
        const { values, missed } = await change(this.volume, held, 'data', (child, index) =>
          call(child, index, end / k),
        );
        let stale = missed;
        if (last !== undefined) {
          const still = { ...held, good: held.good & ~missed };
          const clear = this.#clear(own, fd, still, from, last, size - from);
          stale |= await clear.catch((error: unknown) => Promise.reject(after(missed, error, size)));
        }
        const wcc = mergedWcc(this.volume, values, held.size, size);
        return { result: { ...wcc, ...more(values, asked) }, changed: 'data', missed: stale, size };
      };
      const { inode } = fd;
      const again = async (now: Held): Promise<Done<void>> => {
        if (now.size <= size && held.size > size) return { result: undefined }; // another client has cut it
        const own = ownFrame(frame);
        const done = await cut(now, own, inode.fd, (child, _, part) => child.truncate(own, inode, part));
        return { ...done, result: undefined };
      };
      const tear = () => ({ inode, from, to: Infinity, bytes: stripe, again });
      return this.bytes.change(held, () => cut(held, frame, fd, call), tear);
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
    const { stripe, k } = this.volume;
    requireFile(fd.inode);
    requireBelowMax(offset + length);
    const from = down(offset, stripe);
    const to = up(offset + length, stripe);
    return this.bytes.run(frame, fd.inode, this.#writing(from, to), async (held): Promise<Done<WccReply>> => {
      const { values, missed } = await change(this.volume, held, 'data', (child, index) =>
        child.fallocate(frame, fdAt(fd, this.slot, index), mode, from / k, (to - from) / k, xdata),
      );
      const now = this.#sizeNow(fd.inode, held);
      const end = mode & FALLOC_FL_KEEP_SIZE ? 0 : offset + length;
      const wcc = mergedWcc(this.volume, values, now, Math.max(now, end));
      return { result: { ...wcc, ...more(values, xdata) }, changed: 'data', missed, end };
    });
  }

  /** Makes a range zeros: whole stripes as holes, and the ends by writing. `extends` moves the end of the file. */
  async zero(frame: Frame, fd: Fd, offset: number, length: number, extend: boolean, xdata?: Xdata): Promise<WccReply> {
    const { stripe } = this.volume;
    requireFile(fd.inode);
    requireBelowMax(offset + length);
    const end = offset + length;
    const wish = writing(down(offset, stripe), Infinity);
    return this.bytes.run(frame, fd.inode, wish, async (held): Promise<Done<WccReply>> => {
      const size = extend ? Math.max(held.size, end) : held.size;
      const holes = [up(offset, stripe), Math.min(down(end, stripe), up(held.size, stripe))] as const;
      const [from, to] = holes;
      const edges: Edge[] = [];
      for (const [first, before] of [[offset, Math.min(end, from)], ...(to >= from ? [[to, end]] : [])] as const) {
        const last = Math.min(before!, held.size);
        const start = down(first!, stripe);
        if (last <= first!) continue;
        edges.push({
          start,
          whole: await this.stripe(frame, fd, held, start),
          first: first! - start,
          length: last - first!,
        });
      }
      const zero = (held: Held, own: Frame, fd: Fd) =>
        this.#zero(own, fd, held, edges, holes, size, extend ? end : 0, xdata);
      const { inode } = fd;
      const again = async (now: Held): Promise<Done<void>> => ({
        ...(await zero(now, this.#own(frame), inode.fd)),
        result: undefined,
      });
      const tear = () => ({ inode, from: wish.from, to: Infinity, bytes: edges.length * stripe, again });
      return this.bytes.change(held, () => zero(held, frame, fd), tear);
    });
  }

  /** Makes the edges of a range zeros, and the stripes between them holes. */
  async #zero(
    frame: Frame,
    fd: Fd,
    held: Held,
    edges: readonly Edge[],
    [from, to]: readonly [number, number],
    size: number,
    end: number,
    xdata?: Xdata,
  ): Promise<Done<WccReply>> {
    const { stripe, k } = this.volume;
    let now = held;
    let missed = 0;
    const lose = (bricks: Bricks) => {
      missed |= bricks;
      now = { ...now, good: now.good & ~bricks };
    };
    const also = (error: unknown) => Promise.reject(after(missed, error));
    for (const { start, whole, first, length } of edges) {
      lose(await this.#clear(frame, fd, now, start, whole, first, length).catch(also));
    }
    const fdOf = (index: number) => fdAt(fd, this.slot, index);
    const calls = (child: Xlator, index: number): Promise<WccReply> =>
      to > from
        ? child.discard(frame, fdOf(index), from / k, (to - from) / k, xdata)
        : child.fstat(frame, fdOf(index)).then(iatt => ({ before: iatt, after: iatt }));
    const punched = await change(this.volume, now, 'data', calls).catch(also);
    lose(punched.missed);
    if (size > held.size) {
      const grown = await change(this.volume, now, 'data', (child, index) =>
        child.ftruncate(frame, fdOf(index), up(size, stripe) / k),
      ).catch(also);
      lose(grown.missed);
    }
    const wcc = mergedWcc(this.volume, punched.values, held.size, size);
    return { result: { ...wcc, ...more(punched.values, xdata) }, changed: 'data', missed, end };
  }

  #writing(from: number, to: number) {
    return this.volume.settings()['parallel-writes'] ? writing(from, to) : writing(0, Infinity);
  }

  /** The size at this moment: another write to other stripes may have changed it. */
  #sizeNow(inode: Inode, held: Held): number {
    return this.locks.sizeOf(inode.gfid) ?? held.size;
  }

  /** The data with what is in their first and last stripe before and after them. */
  async #whole(frame: Frame, fd: Fd, held: Held, data: Buffer, offset: number): Promise<Buffer> {
    const { stripe } = this.volume;
    const end = offset + data.length;
    const [from, to] = [down(offset, stripe), up(end, stripe)];
    if (from === offset && to === end) return data;
    const needsHead = from < offset && from < held.size;
    const needsTail = end < to && end < held.size;
    const tail = to - stripe;
    const whole = Buffer.allocUnsafe(to - from);
    const edges =
      needsHead && needsTail && tail === from ? [from] : [...(needsHead ? [from] : []), ...(needsTail ? [tail] : [])];
    const read = (at: number) => this.stripe(frame, fd, held, at);
    const stripes = new Map(await Promise.all(edges.map(async at => [at, await read(at)] as const)));
    if (needsHead) stripes.get(from)!.copy(whole, 0, 0, offset - from);
    else whole.fill(0, 0, offset - from);
    if (needsTail) stripes.get(tail)!.copy(whole, end - from, end - tail, stripe);
    else whole.fill(0, end - from);
    data.copy(whole, offset - from);
    return whole;
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
    const { missed } = await this.#put(this.#own(frame), fd.inode.fd, held, from, stripe, Stable.UNSTABLE);
    return missed;
  }
}

/** A stripe of which a part is to be zeros: where it begins, what is in it, and the part. */
interface Edge {
  readonly start: number;
  readonly whole: Buffer;
  readonly first: number;
  readonly length: number;
}

/** The error of a step that came after others, which these bricks have missed. */
function after(missed: number, error: unknown, size?: number): unknown {
  if (!(error instanceof Failed)) return missed === 0 ? error : new Failed(error, { changed: 'data', missed, size });
  const outcome = { ...error.outcome, changed: 'data' as const, missed: missed | error.outcome.missed, size };
  return new Failed(error.cause, outcome, error.isUnsure);
}
