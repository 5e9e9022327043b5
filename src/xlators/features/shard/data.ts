/** Reading, writing and what else acts on ranges of sharded files. */
import { O_APPEND } from '../../../sys/constants.ts';
import { errnoOf, FsError } from '../../../errno.ts';
import { type ReadReply, Stable, type Time, type WccReply, type Written, type Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Base, laterOf, shown } from './base.ts';
import type { Bases } from './bases.ts';
import { asRoot, type Blocks } from './blocks.ts';
import { SECTOR, SHARD_DIR, type Span, spansOf } from './layout.ts';

/** A brick then takes the attributes before and after the write in one step with it. */
const ATOMIC = ['glusterfs.write-update-atomic', 4] as const;

/** What a call does to one block. */
type Change = (frame: Frame, fd: Fd, span: Span) => Promise<WccReply & { count?: number; stable?: Stable }>;

/** What is to be read. A size that was learned before `since`, by {@link performance.now}, may be an old one. */
interface Part {
  readonly size: number;
  readonly offset: number;
  readonly since: number;
}

/** Calls of one file, which all begin here. */
export class Data {
  readonly #below: Xlator;
  readonly #bases: Bases;
  readonly #blocks: Blocks;

  constructor(below: Xlator, bases: Bases, blocks: Blocks) {
    this.#below = below;
    this.#bases = bases;
    this.#blocks = blocks;
  }

  async readv(frame: Frame, fd: Fd, size: number, offset: number, xdata?: Xdata): Promise<ReadReply> {
    const since = performance.now();
    const base = await this.#bases.known(frame, fd.inode);
    if (base.blockSize === 0) return this.#below.readv(frame, fd, size, offset, xdata);
    return this.together(base, () => this.#read(frame, base, fd, { size, offset, since }, xdata));
  }

  /** Reads a part of a file, of the size that it has after `since` if the part reaches to its end. */
  async #read(frame: Frame, base: Base, fd: Fd, part: Part, xdata?: Xdata): Promise<ReadReply> {
    const { size, offset, since } = part;
    const lengthNow = () => Math.max(0, Math.min(size, base.size - offset));
    // Another client may have changed the size since it was learned. The first block shows that by itself.
    const isFirstOnly = () => offset < base.blockSize && offset + lengthNow() <= base.blockSize;
    if (offset + size > base.size && !isFirstOnly()) await this.#bases.learnedSince(frame, base, since);
    const length = lengthNow();
    const eof = offset + length >= base.size;
    if (isFirstOnly()) {
      const reply = await this.#below.readv(frame, fd, Math.min(size, base.blockSize - offset), offset, xdata);
      const iatt = this.#seen(base, reply.iatt);
      if (reply.data.length === length) return { ...reply, eof, iatt };
      if (base.learnedAt < since) {
        reply.release?.();
        await this.#bases.ask(frame, base.inode);
        return this.#read(frame, base, fd, { ...part, since: -Infinity }, xdata);
      }
      const data = Buffer.alloc(length);
      reply.data.copy(data);
      reply.release?.();
      return { ...reply, data, eof, iatt, release: () => {} };
    }
    const data = Buffer.alloc(length);
    const fill = async (span: Span) => {
      const into = (reply: ReadReply | undefined) => {
        reply?.data.copy(data, span.from, 0, span.length);
        reply?.release?.();
        return reply;
      };
      if (span.block === 0) {
        const reply = into(await this.#below.readv(frame, fd, span.length, span.at, xdata));
        return void this.#seen(base, reply!.iatt);
      }
      const read = (block: Inode) => this.#below.readv(asRoot(frame), block.fd, span.length, span.at);
      into(await this.#use(base, span.block, () => this.#blocks.find(frame, base, span.block), read));
    };
    await Promise.all(spansOf(offset, length, base.blockSize).map(fill));
    return { data, eof, iatt: shown(base, await this.iattOf(frame, base)) };
  }

  async writev(frame: Frame, fd: Fd, data: Buffer, offset: number, stable: Stable, xdata?: Xdata): Promise<Written> {
    const since = performance.now();
    const base = await this.#bases.known(frame, fd.inode);
    if (base.blockSize === 0) return this.#below.writev(frame, fd, data, offset, stable, xdata);
    return this.together(base, async () => {
      const appends = !fd.anonymous && (fd.flags & O_APPEND) !== 0;
      if (appends) await this.#bases.learnedSince(frame, base, since); // Another client may have appended something.
      const at = appends ? base.size : offset;
      const words: Xdata = new Map([...(xdata ?? []), ATOMIC]);
      const write: Change = (frame, fd, span) =>
        this.#below.writev(frame, fd, data.subarray(span.from, span.from + span.length), span.at, stable, words);
      const { count, ...reply } = await this.#change(frame, base, fd, spansOf(at, data.length, base.blockSize), write, {
        growsFrom: at,
      });
      // The size must be as durable as the data.
      if (stable !== Stable.UNSTABLE && reply.grew) await this.#below.fsync(asRoot(frame), base.inode.fd, false);
      const { before, after } = reply;
      return { before, after, count, stable: reply.stable, ...(reply.xdata && { xdata: reply.xdata }) };
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
    const base = await this.#bases.known(frame, fd.inode);
    if (base.blockSize === 0) return this.#below.fallocate(frame, fd, mode, offset, length, xdata);
    if (mode !== 0) throw new FsError('EOPNOTSUPP', `fallocate of a sharded file with mode ${mode}`);
    return this.#grow(frame, base, fd, offset, length, (frame, fd, span) =>
      this.#below.fallocate(frame, fd, mode, span.at, span.length, xdata),
    );
  }

  async zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply> {
    const base = await this.#bases.known(frame, fd.inode);
    if (base.blockSize === 0) return this.#below.zerofill(frame, fd, offset, length, xdata);
    return this.#grow(frame, base, fd, offset, length, (frame, fd, span) =>
      this.#below.zerofill(frame, fd, span.at, span.length, xdata),
    );
  }

  async discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Xdata): Promise<WccReply> {
    const base = await this.#bases.known(frame, fd.inode);
    if (base.blockSize === 0) return this.#below.discard(frame, fd, offset, length, xdata);
    return this.together(base, async () => {
      const spans = spansOf(offset, Math.max(0, Math.min(length, base.size - offset)), base.blockSize);
      const discard: Change = (frame, fd, span) => this.#below.discard(frame, fd, span.at, span.length, xdata);
      return wccOf(await this.#change(frame, base, fd, spans, discard, { makes: false }));
    });
  }

  async #grow(frame: Frame, base: Base, fd: Fd, offset: number, length: number, change: Change): Promise<WccReply> {
    return this.together(base, async () => {
      const spans = spansOf(offset, length, base.blockSize);
      const changed = await this.#change(frame, base, fd, spans, change, { growsFrom: offset });
      if (changed.failure !== undefined) throw changed.failure.reason;
      return wccOf(changed);
    });
  }

  /** Changes blocks, then the size of the file. What could be done up to the first failure counts. */
  async #change(
    frame: Frame,
    base: Base,
    fd: Fd,
    spans: readonly Span[],
    change: Change,
    { growsFrom, makes = true }: { readonly growsFrom?: number; readonly makes?: boolean },
  ) {
    const before = base.iatt && shown(base, base.iatt);
    // GlusterFS's client reads nothing but zeros from a volume that has no such directory.
    if (makes) await this.#blocks.makeDirectory(frame, SHARD_DIR);
    const replies = await Promise.allSettled(
      spans.map(span => {
        if (span.block === 0) return change(frame, fd, span);
        base.unsynced.add(span.block);
        const find = async () =>
          makes ? this.#blocks.need(frame, base, span.block) : this.#blocks.find(frame, base, span.block);
        return this.#use(base, span.block, find, block => change(asRoot(frame), block.fd, span));
      }),
    );
    let [count, sectors, isWhole]: [number, number, boolean] = [0, 0, true];
    let stable: Stable = Stable.FILE_SYNC;
    let first: WccReply | undefined;
    for (const [i, reply] of replies.entries()) {
      const span = spans[i]!;
      if (reply.status === 'rejected') {
        isWhole = false;
        continue;
      }
      const { value } = reply;
      const done = value?.count ?? span.length;
      if (isWhole) count += done;
      if (done < span.length) isWhole = false;
      if (value === undefined) continue;
      if (value.stable !== undefined && value.stable < stable) stable = value.stable;
      if (value.before && value.after) sectors += Math.round((value.after.used - value.before.used) / SECTOR);
      if (span.block === 0) first = value;
      else this.#bases.touch(base, timeOf(frame, value.after));
    }
    const end = growsFrom === undefined || count === 0 ? 0 : growsFrom + count;
    const grew = await this.#bases.grow(frame, base, end, sectors);
    const failure = replies.find(reply => reply.status === 'rejected');
    if (failure !== undefined && count === 0) throw failure.reason;
    if (first?.after) this.#seen(base, first.after);
    const iatt = await this.iattOf(frame, base);
    return { before, after: shown(base, iatt), count, stable, grew, xdata: first?.xdata, failure };
  }

  /** Answers with the next offset of data or of a hole. */
  async seek(frame: Frame, fd: Fd, offset: number, what: 'data' | 'hole', xdata?: Xdata): Promise<number> {
    const since = performance.now();
    const base = await this.#bases.known(frame, fd.inode);
    if (base.blockSize === 0) return this.#below.seek(frame, fd, offset, what, xdata);
    await this.#bases.learnedSince(frame, base, since); // Another client may have changed the size.
    if (offset >= base.size) throw new FsError('ENXIO');
    return this.together(base, async () => {
      for (let at = offset; at < base.size;) {
        const block = Math.floor(at / base.blockSize);
        const start = block * base.blockSize;
        const end = Math.min(start + base.blockSize, base.size);
        const seek = (frame: Frame, fd: Fd) =>
          this.#below.seek(frame, fd, at - start, what, xdata).catch((error: unknown) => {
            // There is nothing more in this block, or it is shorter than the file goes on.
            if (errnoOf(error) !== 'ENXIO') throw error;
            return what === 'hole' ? at - start : undefined;
          });
        const found =
          block === 0
            ? await seek(frame, fd)
            : await this.#use(
                base,
                block,
                () => this.#blocks.find(frame, base, block),
                inode => seek(asRoot(frame), inode.fd),
              );
        const position = found === undefined ? (what === 'hole' ? at : end) : start + found;
        if (position < end) return position;
        at = end;
      }
      if (what === 'data') throw new FsError('ENXIO');
      return base.size;
    });
  }

  /** Runs what uses a file beside others that do. */
  async together<T>(base: Base, work: () => Promise<T>): Promise<T> {
    base.users++;
    try {
      return await base.turns.together(work);
    } finally {
      base.users--;
    }
  }

  /** Runs what uses a file when nothing else does. */
  async alone<T>(base: Base, work: () => Promise<T>): Promise<T> {
    base.users++;
    try {
      return await base.turns.alone(work);
    } finally {
      base.users--;
    }
  }

  /** The attributes of the file with its first block, as they were seen last. */
  async iattOf(frame: Frame, base: Base): Promise<Iatt> {
    return base.iatt ?? (await this.#bases.ask(frame, base.inode)).iatt!;
  }

  #use<T>(base: Base, block: number, find: () => Promise<Inode | undefined>, work: (block: Inode) => Promise<T>) {
    return this.#blocks.use(find, work, () => this.#blocks.drop(base, block));
  }

  /** Takes in the attributes of the file that an answer brought, and returns them as clients see them. */
  #seen(base: Base, iatt: Iatt): Iatt {
    base.iatt = iatt;
    this.#bases.touched(base, iatt);
    return shown(base, iatt);
  }
}

type Changed = Omit<WccReply, 'xdata'> & { readonly xdata: Xdata | undefined };

const wccOf = ({ before, after, xdata }: Changed): WccReply => ({ before, after, ...(xdata && { xdata }) });

/** When a call has changed a block. */
function timeOf({ times }: Frame, after: Iatt | undefined): Time {
  const own: Time = times === undefined ? { sec: 0, nsec: 0 } : { sec: times.sec, nsec: times.nsec };
  return after === undefined || times !== undefined ? own : laterOf({ sec: after.mtime, nsec: after.mtimeNsec }, own);
}
