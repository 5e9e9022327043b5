/** What is known of files: their sizes, and the changes of them that are under way. */
import { OWN } from '../../../graph/own-frame.ts';
import { gfidKey } from '../../../graph/gfid.ts';
import { FsError } from '../../../errno.ts';
import type { Time, Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { Base, laterOf } from './base.ts';
import { asking, bytesOf, FILE_SIZE_KEY, sizeOf, sizeValue } from './layout.ts';

/** How long a size is believed that another client may have changed. */
const BELIEVED_MS = 1000;
/** How long the file may be without the time at which one of its blocks was written. */
const TIME_LAGS_MS = 1000;
/** How many files are remembered. */
const BASES_MAX = 16_384;
const SETS_CTIME = 1;
/** How often a size is asked for that always changes meanwhile. */
const ASKS_MAX = 8;

export class Bases {
  readonly #below: Xlator;
  /** By their gfids, those used last at the end. */
  readonly #bases = new Map<string, Base>();
  #changes = 0;
  readonly #dirty = new Set<Base>();
  #timer: NodeJS.Timeout | undefined;

  constructor(below: Xlator) {
    this.#below = below;
  }

  get count(): number {
    return this.#bases.size;
  }

  find(gfid: Buffer): Base | undefined {
    return this.#bases.get(gfidKey(gfid));
  }

  /**
   * The number of the last change of any size. A call that is made before a change may be answered after it, with a size
   * that no longer holds: such an answer changes nothing.
   */
  mark(): number {
    return this.#changes;
  }

  /**
   * Learns of a file from an answer to a call that was made at `mark` and asked for the size.
   * @throws {FsError} EIO: the brick does not answer what a sharded file has
   */
  learn(iatt: Iatt, xdata: Xdata | undefined, mark: number, inode?: Inode): Base | undefined {
    if (iatt.type !== FileType.REG || xdata === undefined) return undefined;
    const sharded = sizeOf(xdata);
    const base = this.#add(iatt, inode);
    if (sharded !== undefined && base.changes.size === 0 && base.lastChange <= mark) {
      base.blockSize = sharded.blockSize;
      base.size = sharded.bytes;
      base.sectors = sharded.sectors;
      base.learnedAt = performance.now();
    } else if (sharded === undefined && base.blockSize === 0) {
      base.learnedAt = Infinity; // the file is not sharded, and never will be
    }
    base.iatt = bare(iatt);
    return base;
  }

  /** Learns of a file that has just been made. */
  made(iatt: Iatt, blockSize: number): Base {
    const base = this.#add(iatt);
    base.blockSize = blockSize;
    base.iatt = bare(iatt);
    base.learnedAt = performance.now();
    return base;
  }

  /** Finds out what is to be known of a file that is used. */
  known(frame: Frame, inode: Inode): Base | Promise<Base> {
    const base = this.find(inode.gfid);
    if (base === undefined) return this.ask(frame, inode);
    base.inode = inode;
    return base.blockSize === 0 || base.learnedAt > performance.now() - BELIEVED_MS ? base : this.ask(frame, inode);
  }

  /**
   * Makes sure of the size before a file grows by what is missing to a new end: what another client has added would be
   * added again. It may have been the same write, which an NFS client sends again to another server. The size is sure
   * while it changes here, and for a while after, unless a change has failed.
   * @throws {FsError} EJUKEBOX: it changes without a pause
   */
  async #beSure(frame: Frame, base: Base): Promise<void> {
    const isSure = () => base.learnedAt !== -Infinity;
    if (isSure() && (base.changes.size > 0 || base.grewAt > performance.now() - BELIEVED_MS)) return;
    for (let tries = 0; tries < ASKS_MAX; tries++) {
      await this.ask(frame, base.inode);
      if (isSure()) return;
    }
    throw new FsError('EJUKEBOX');
  }

  /**
   * Lets a file that has been written up to `end` end there or later, and answers whether it has grown. It may have been
   * counted on what others add at the same time: if that fails, the file grows by more.
   */
  async grow(frame: Frame, base: Base, end: number, sectors: number): Promise<boolean> {
    for (let [grew, more] = [false, sectors]; ; more = 0) {
      if (end > base.size || (end > 0 && base.learnedAt === -Infinity)) await this.#beSure(frame, base);
      const { failures } = base;
      const counted = end > 0 && base.changes.size > 0 ? [...base.changes] : [];
      const grows = Math.max(0, end - base.size);
      await this.resize(frame, base, grows, more);
      if (grows > 0) grew = true;
      if (counted.length > 0) await Promise.all(counted);
      if (counted.length === 0 || base.failures === failures) return grew;
    }
  }

  /** Makes sure that the size was learned at `since` or later, by {@link performance.now}. */
  async learnedSince(frame: Frame, base: Base, since: number): Promise<void> {
    if (base.learnedAt < since) await this.ask(frame, base.inode);
  }

  /** Asks for the size. Calls that ask at the same time share the answer. */
  async ask(frame: Frame, inode: Inode): Promise<Base> {
    const base = this.#add({ gfid: inode.gfid, type: inode.type }, inode);
    base.asking ??= this.#ask(frame, inode, base).finally(() => (base.asking = undefined));
    return base.asking;
  }

  async #ask(frame: Frame, inode: Inode, base: Base): Promise<Base> {
    if (base.learnedAt === -Infinity) await Promise.all(base.changes);
    const mark = this.mark();
    const iatt = await this.#below.stat(ownFrame(frame), inode, asking(undefined));
    if (this.learn(iatt, iatt.xdata ?? new Map(), mark, inode) === undefined) throw new FsError('EISDIR');
    return base;
  }

  /**
   * Changes the size of a file by so many bytes and sectors. From this call on it is taken to have changed, since others
   * may write at the same time; it is answered when the bricks have it. Changes may be answered in another order than
   * they were made in, so only the sum of one that was alone is known to be the size.
   */
  async resize(frame: Frame, base: Base, bytes: number, sectors: number): Promise<void> {
    if (bytes === 0 && sectors === 0) return;
    base.size += bytes;
    base.sectors += sectors;
    const number = (base.lastChange = ++this.#changes);
    const isFirst = base.changes.size === 0;
    const change = new Map([[FILE_SIZE_KEY, sizeValue(bytes, sectors)]]);
    const made = this.#below.xattrop(ownFrame(frame), base.inode, 'add64', change);
    const ended = made.catch(() => {});
    base.changes.add(ended);
    try {
      const sums = await made;
      base.changes.delete(ended);
      const isAlone = isFirst && base.lastChange === number;
      base.lastChange = ++this.#changes;
      if (!isAlone) return;
      const value = sums.get(FILE_SIZE_KEY);
      if (value === undefined) return;
      const sum = bytesOf(value);
      base.size = sum.bytes;
      base.sectors = sum.sectors;
      base.learnedAt = performance.now();
      base.grewAt = base.learnedAt;
    } catch (error) {
      base.changes.delete(ended);
      base.lastChange = ++this.#changes;
      base.learnedAt = -Infinity;
      base.failures++;
      throw error;
    }
  }

  /** Notes that a block other than the first one was written, whose times are not those of the file. */
  touch(base: Base, time: Time): void {
    base.mtime = laterOf(time, base.mtime);
    this.#dirty.add(base);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.settle();
    }, TIME_LAGS_MS).unref();
  }

  /** The file has a later time of its own. */
  touched(base: Base, { mtime, mtimeNsec }: Iatt): void {
    if (base.mtime !== undefined && laterOf({ sec: mtime, nsec: mtimeNsec }, base.mtime) !== base.mtime) {
      base.mtime = undefined;
      this.#dirty.delete(base);
    }
  }

  /** Gives up the time that the file lacks, since a caller sets another one. */
  async dropTime(base: Base): Promise<void> {
    await base.settingTime;
    base.mtime = undefined;
    this.#dirty.delete(base);
  }

  /** Gives the file the time at which its blocks were written last. */
  async setTime(base: Base): Promise<void> {
    await base.settingTime;
    const { mtime, inode } = base;
    this.#dirty.delete(base);
    if (mtime === undefined) return;
    const times = { flags: SETS_CTIME, ...mtime };
    const set = this.#below.setattr({ ...OWN, times }, inode, { mtime });
    const done = set.then(
      () => {
        if (base.mtime === mtime) base.mtime = undefined;
      },
      () => {
        base.mtime = undefined; // the file is gone, or will have the next time
      },
    );
    base.settingTime = done;
    await done;
    if (base.settingTime === done) base.settingTime = undefined;
  }

  /** Gives all files the times that they lack. */
  async settle(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await Promise.all([...this.#dirty].map(base => this.setTime(base)));
  }

  /** What is known of the size of a file no longer holds. */
  doubt(gfid: Buffer): void {
    const base = this.find(gfid);
    if (base !== undefined && base.blockSize > 0) base.learnedAt = -Infinity;
  }

  /** Forgets a file, unless something would be lost by it. */
  forget(gfid: Buffer): void {
    const base = this.find(gfid);
    if (base === undefined) return;
    if (base.mtime !== undefined) void this.setTime(base);
    if (base.isIdle) this.#bases.delete(base.key);
  }

  #add({ gfid, type }: Pick<Iatt, 'gfid' | 'type'>, inode?: Inode): Base {
    const key = gfidKey(gfid);
    const base = this.#bases.get(key) ?? new Base(key, inode ?? new Inode(Buffer.from(gfid), type));
    if (inode !== undefined) base.inode = inode;
    this.#bases.delete(key);
    this.#bases.set(key, base);
    if (this.#bases.size > BASES_MAX) this.#purge();
    return base;
  }

  #purge(): void {
    let looks = 8;
    for (const [key, base] of this.#bases) {
      this.#bases.delete(key);
      if (!base.isIdle) this.#bases.set(key, base);
      if (this.#bases.size <= BASES_MAX || --looks === 0) return;
    }
  }
}

/** The attributes without what is only of one answer. */
function bare({ notes: _notes, ...iatt }: Iatt & { xdata?: Xdata }): Iatt {
  if ('xdata' in iatt) delete iatt.xdata;
  return iatt;
}
