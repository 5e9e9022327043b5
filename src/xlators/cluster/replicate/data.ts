import { gfidKey } from '../../../graph/gfid.ts';
import { FsError } from '../../../errno.ts';
import { Stable, type WccReply, type Written, type Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import { ownFrame, unhurried } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { has } from './children.ts';
import { ended } from './ended.ts';
import type { MetadataChanges } from './metadata.ts';
import type { Reads } from './reads.ts';
import { askAll, chosen, type Replicas } from './replicas.ts';
import { Expected } from './transaction/expected.ts';
import { type Consequences, newOwner, Runner, type Target } from './transaction/runner.ts';
import type { Effect } from './transaction/steps.ts';

/** A part of a file that is being changed. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly done: Promise<void>;
}

/** A file whose data are being changed, or were a moment ago. */
interface File {
  readonly changes: Set<Change>;
  runner: Runner | undefined;
  timer: NodeJS.Timeout | undefined;
  /** Something waits for the end of the transaction. Otherwise the marks and locks are taken away when there is time. */
  isAwaited: boolean;
}

const WHOLE = { start: 0n, length: 0n } as const;
const DOM_COUNT = 'glusterfs.inodelk-dom-count';

/**
 * Changes of the data of files. All that happen to one file at about the same time, or soon after each other, share one
 * transaction: one lock, one mark before them, and one after the last of them.
 */
export class DataChanges {
  readonly #replicas: Replicas;
  readonly #reads: Reads;
  readonly #then: Consequences;
  readonly #metadata: MetadataChanges;
  readonly #files = new Map<string, File>();
  readonly #writes = new Expected();
  readonly #counting: Xdata;

  constructor(replicas: Replicas, reads: Reads, then: Consequences, metadata: MetadataChanges) {
    this.#replicas = replicas;
    this.#reads = reads;
    this.#then = then;
    this.#metadata = metadata;
    this.#counting = new Map([[DOM_COUNT, replicas.name]]);
  }

  /**
   * A file was made. If those before it were written to soon, it is locked and marked for the WRITE already, which is two
   * round trips shorter then. Without a WRITE this ends as it would after one.
   */
  made(frame: Frame, gfid: Buffer): void {
    if (!this.#writes.first(gfidKey(gfid))) return;
    const { options, isWhole } = this.#replicas;
    if (!isWhole || !options['eager-lock'] || options['post-op-delay-secs'] === 0) return;
    const file = this.#fileOf(gfid);
    if (file.runner !== undefined || file.changes.size > 0) return;
    file.runner = this.#begin(frame, file, new Inode(gfid, FileType.REG));
    file.runner.start();
    this.#rest(file, gfid);
  }

  /**
   * Writes the same to all children; an arbiter is told of the write by its first byte. A child that takes less than
   * all of it has failed, and it is not known at what.
   */
  async write(
    frame: Frame,
    inode: Inode,
    [data, offset, stable]: readonly [Buffer, number, Stable],
    xdata: Xdata | undefined,
    call: (child: Xlator, i: number, data: Buffer, xdata: Xdata) => Promise<Written>,
  ): Promise<Written> {
    const asking = xdata === undefined ? this.#counting : new Map([...this.#counting, ...xdata]);
    const { arbiters } = this.#replicas;
    let isContended = false;
    const effect = stable === Stable.UNSTABLE ? 'unsynced' : 'durable';
    this.#writes.second(gfidKey(inode.gfid));
    if (effect === 'durable') this.#metadata.written(frame, inode);
    const written = await this.change(frame, inode, [offset, offset + data.length], effect, async (child, i) => {
      const sent = has(arbiters, i) ? data.subarray(0, 1) : data;
      const written = await call(child, i, sent, asking);
      if (written.count < sent.length) throw new FsError('EIO', `EIO: ${child.name} took ${written.count} bytes`);
      // Our own lock is one of them.
      if (Number(written.xdata?.get('glusterfs.inodelk-count') ?? 0) > 1) isContended = true;
      return written;
    });
    if (isContended) this.giveUp(inode.gfid);
    return { ...written, count: data.length };
  }

  resize(
    frame: Frame,
    inode: Inode,
    [start, end]: readonly [number, number],
    call: (child: Xlator, i: number) => Promise<WccReply>,
  ): Promise<WccReply> {
    return this.change(frame, inode, [start, end], 'unsynced', call);
  }

  /**
   * Makes durable what was written. A child that fails must be blamed for it, which takes a transaction; without one
   * under way, there is nothing that was not made durable at its end.
   */
  async sync(frame: Frame, inode: Inode, call: (child: Xlator, i: number) => Promise<WccReply>): Promise<WccReply> {
    const replicas = this.#replicas;
    const key = gfidKey(inode.gfid);
    this.#metadata.written(frame, inode);
    for (let file = this.#files.get(key); file?.runner !== undefined && !file.runner.isOpen;) {
      await this.#over(file, file.runner);
      file = this.#files.get(key);
    }
    const failed: unknown[] = [];
    if (this.#files.get(key)?.runner === undefined) {
      replicas.checkQuorum();
      const trusted = await this.#reads.trusted(frame, inode);
      const { up } = replicas;
      const replies = await askAll(replicas, up, (child, i) =>
        call(child, i).catch(error => Promise.reject((failed[i] = error))),
      );
      if (replies.from === up) return chosen(replicas, replies, inode.gfid, trusted);
    }
    // The kernel tells of lost data once, so the failure must not be asked for again.
    const again = (child: Xlator, i: number) => (failed[i] === undefined ? call(child, i) : Promise.reject(failed[i]));
    return this.change(frame, inode, [0, 0], 'sync', again);
  }

  /**
   * Makes one change, and answers as a child that can be trusted. It waits for those before it that concern the same
   * bytes, so that all children have one order.
   */
  async change<R>(
    frame: Frame,
    inode: Inode,
    [start, end]: readonly [number, number],
    effect: Effect,
    call: (child: Xlator, i: number) => Promise<R>,
  ): Promise<R> {
    const file = this.#fileOf(inode.gfid);
    const before = [...file.changes].filter(one => one.start < end && start < one.end);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const change: Change = { start, end, done };
    file.changes.add(change);
    clearTimeout(file.timer);
    try {
      if (before.length > 0) await Promise.all(before.map(one => one.done));
      const trusted = this.#reads.trusted(frame, inode);
      const trustedNow = typeof trusted === 'number' ? trusted : await trusted;
      while (file.runner !== undefined && !file.runner.isOpen) await this.#over(file, file.runner);
      file.runner ??= this.#begin(frame, file, inode);
      return chosen(this.#replicas, await file.runner.do(effect, call), inode.gfid, trustedNow);
    } finally {
      file.changes.delete(change);
      resolve();
      this.#rest(file, inode.gfid);
    }
  }

  /** Another client waits for the lock, or the file is closed: its transaction ends once no fop is under way. */
  giveUp(gfid: Buffer): void {
    const file = this.#files.get(gfidKey(gfid));
    if (file?.runner === undefined) return;
    this.#hurry(file);
    file.runner.close();
  }

  /** A child has come up, and must take part in what follows. */
  childUp(child: number): void {
    for (const { runner } of this.#files.values()) if (runner && !has(runner.members, child)) runner.close();
  }

  /** Ends all transactions, as {@link ended} says. */
  end(): Promise<void> {
    const runners = [...this.#files.values()].flatMap(file => {
      clearTimeout(file.timer);
      this.#hurry(file);
      return file.runner ?? [];
    });
    for (const runner of runners) runner.close();
    return ended(Promise.all(runners.map(({ over }) => over)));
  }

  #fileOf(gfid: Buffer): File {
    const key = gfidKey(gfid);
    let file = this.#files.get(key);
    if (file === undefined) {
      file = { changes: new Set(), runner: undefined, timer: undefined, isAwaited: false };
      this.#files.set(key, file);
    }
    return file;
  }

  /** Resolves when the transaction of a file is over, which takes no more changes. */
  #over(file: File, runner: Runner): Promise<void> {
    this.#hurry(file);
    return runner.over;
  }

  #hurry(file: File): void {
    file.isAwaited = true;
    this.#replicas.hurry();
  }

  #begin(frame: Frame, file: File, inode: Inode): Runner {
    const { children, isQuorum, arbiters, options } = this.#replicas;
    const runner = new Runner(
      this.#replicas,
      {
        kind: 'data',
        count: children.length,
        isQuorum,
        arbiters,
        locks: 1,
        single: !options['eager-lock'],
        creates: false,
        undoes: false,
        durable: options['ensure-durability'],
      },
      this.#target(ownFrame(frame, newOwner()), inode, file),
      this.#then,
    );
    file.isAwaited = false;
    void runner.over.then(() => {
      file.runner = undefined;
      this.#forget(file, inode.gfid);
    });
    return runner;
  }

  #target(frame: Frame, inode: Inode, file: File): Target {
    const { name, changelog } = this.#replicas;
    const later = unhurried(frame);
    const atEnd = () => (file.isAwaited ? frame : later);
    return {
      lock: (child, _id, wait) => {
        if (wait) this.#hurry(file); // Another client competes, and what was locked has been given up for it.
        return child.inodelk(frame, name, inode, { type: 'write', ...WHOLE }, wait);
      },
      unlock: child => child.inodelk(atEnd(), name, inode, { type: 'unlock', ...WHOLE }, false),
      mark: async (child, call) => {
        const isEnd = call.do === 'post-op' && call.whom === 0;
        const sums = await child.xattrop(isEnd ? atEnd() : frame, inode, 'add32', changelog.change('data', call));
        return changelog.accused(sums).data;
      },
      sync: child => child.fsync(frame, inode.fd, false),
      undo: () => Promise.resolve(),
      splitBrain: () => this.#then.splitBrain(inode.gfid, 'data'),
    };
  }

  /** Keeps the lock for a while after the last change. */
  #rest(file: File, gfid: Buffer): void {
    if (file.changes.size > 0) return;
    const { runner } = file;
    const delay = this.#replicas.options['post-op-delay-secs'];
    if (runner === undefined) this.#forget(file, gfid);
    else if (delay === 0) runner.close();
    else file.timer = setTimeout(() => runner.close(), delay * 1000).unref();
  }

  #forget(file: File, gfid: Buffer): void {
    clearTimeout(file.timer);
    if (file.changes.size === 0 && file.runner === undefined) this.#files.delete(gfidKey(gfid));
  }
}
