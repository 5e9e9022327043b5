import { gfidKey } from '../../../graph/gfid.ts';
import { FsError } from '../../../errno.ts';
import { Stable, type WccReply, type Written, type Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { has } from './children.ts';
import type { Reads } from './reads.ts';
import { askAll, chosen, type Replicas } from './replicas.ts';
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
  readonly #files = new Map<string, File>();
  readonly #counting: Xdata;

  constructor(replicas: Replicas, reads: Reads, then: Consequences) {
    this.#replicas = replicas;
    this.#reads = reads;
    this.#then = then;
    this.#counting = new Map([[DOM_COUNT, replicas.name]]);
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
    for (let runner = this.#files.get(key)?.runner; runner !== undefined && !runner.isOpen;) {
      await runner.over;
      runner = this.#files.get(key)?.runner;
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
      while (file.runner !== undefined && !file.runner.isOpen) await file.runner.over;
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
    this.#files.get(gfidKey(gfid))?.runner?.close();
  }

  /** A child has come up, and must take part in what follows. */
  childUp(child: number): void {
    for (const { runner } of this.#files.values()) if (runner && !has(runner.members, child)) runner.close();
  }

  /** Ends all transactions. */
  async end(): Promise<void> {
    const runners = [...this.#files.values()].flatMap(({ runner, timer }) => {
      clearTimeout(timer);
      return runner ?? [];
    });
    for (const runner of runners) runner.close();
    await Promise.all(runners.map(({ over }) => over));
  }

  #fileOf(gfid: Buffer): File {
    const key = gfidKey(gfid);
    let file = this.#files.get(key);
    if (file === undefined) this.#files.set(key, (file = { changes: new Set(), runner: undefined, timer: undefined }));
    return file;
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
      this.#target(ownFrame(frame, newOwner()), inode),
      this.#then,
    );
    void runner.over.then(() => {
      file.runner = undefined;
      this.#forget(file, inode.gfid);
    });
    return runner;
  }

  #target(frame: Frame, inode: Inode): Target {
    const { name, changelog } = this.#replicas;
    return {
      gfid: inode.gfid,
      lock: (child, _id, wait) => child.inodelk(frame, name, inode, { type: 'write', ...WHOLE }, wait),
      unlock: child => child.inodelk(frame, name, inode, { type: 'unlock', ...WHOLE }, false),
      mark: (child, { do: step, whom, dirty }) =>
        child.xattrop(frame, inode, 'add32', changelog.change('data', whom, step === 'pre-op' ? 1 : dirty)),
      sync: child => child.fsync(frame, inode.fd, false),
      undo: () => Promise.resolve(),
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
