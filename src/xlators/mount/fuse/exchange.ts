/** What is open and locked through a mount is opened and locked in another graph. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, FsError } from '../../../errno.ts';
import type { Flock } from '../../../graph/fops.ts';
import type { HeldLock } from '../../../graph/fops/held-locks.ts';
import { FileType } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import type { Frame } from '../../../graph/frame.ts';
import { OWN } from '../../../graph/own-frame.ts';
import type { Log } from '../../../log.ts';
import type { Serving } from './fuse-call.ts';

/** How many files are opened at the same time. */
const AT_ONCE = 64;
/** How long locks are asked for again that calls have got which have given up waiting, and how often. */
const GIVEN_BACK_MS = 3000;
const AGAIN_MS = 10;

export interface Moving {
  /** The owners, in hexadecimal digits, who may still get locks in the former graph for which they do not wait any longer. */
  readonly gaveUp: ReadonlySet<string>;
  /** Aborted when nothing is waited for any longer. */
  readonly over: AbortSignal;
  readonly log: Log;
}

const tooLate = () => new FsError('ETIMEDOUT', 'the graph does not answer in time');

/** What is moved from the graph `before` to the graph `next`. */
class Move {
  readonly before: Serving;
  readonly next: Serving;
  /** The new fds by the old ones, with their numbers. */
  readonly #fds = new Map<Fd, readonly [number: number, fd: Fd]>();
  readonly #gaveUp: ReadonlySet<string>;
  readonly #over: AbortSignal;
  /** Rejects when nothing is waited for any longer. */
  readonly #late: Promise<never>;
  #givenBackMs = 0;
  lost = 0;

  constructor(before: Serving, next: Serving, { gaveUp, over }: Moving) {
    this.before = before;
    this.next = next;
    this.#gaveUp = gaveUp;
    this.#over = over;
    this.#late = new Promise((_, reject) => over.addEventListener('abort', () => reject(tooLate())));
    this.#late.catch(() => {});
  }

  /** Opens everything. What cannot be opened is lost: its users are told so at their next call. */
  async files(): Promise<void> {
    const all = this.before.files.entries().values();
    const some = async () => {
      for (const [number, fd] of all) await this.#file(number, fd);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, some));
  }

  async #file(number: number, fd: Fd): Promise<void> {
    const { files, volume } = this.next;
    try {
      const inode = await this.#inTime(() => this.#inode(fd.inode));
      const open = () =>
        inode.type === FileType.DIR ? volume.top.opendir(OWN, inode) : volume.top.open(OWN, inode, fd.flags);
      const opened = await this.#inTime(open, late => files.drop(inode, fd.flags, late));
      this.#fds.set(fd, [number, files.put(number, inode, fd.flags, opened)]);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
      this.#lose(number);
    }
  }

  async #inode(was: Inode): Promise<Inode> {
    const { nodes, volume } = this.next;
    const id = this.before.nodes.idOf(was);
    if (id === undefined) return volume.table.link((await volume.top.discover(OWN, was.gfid, was.hint)).iatt);
    if (nodes.isUnfound(id)) await nodes.find(id, volume.top, OWN);
    return nodes.inodeOf(id)!;
  }

  /** Takes each lock in the new graph as soon as the old one has given it up. In between another client may get it. */
  async locks(): Promise<void> {
    this.#givenBackMs = performance.now() + GIVEN_BACK_MS;
    for (const [held, fd] of this.before.locks.all()) {
      const [number, open] = (fd && this.#fds.get(fd)) ?? [];
      if (fd === undefined || number === undefined || open === undefined) continue; // lost together with its file
      try {
        await this.#lock(held, fd, open);
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        this.#lose(number);
      }
    }
  }

  async #lock({ frame, lock, gfid }: HeldLock, from: Fd, to: Fd): Promise<void> {
    const unlock: Flock = { ...lock, type: 'unlock' };
    try {
      await this.#inTime(() => this.before.volume.top.lk(frame, from, 'set', unlock));
    } catch (error) {
      // A graph that is down has given up its locks, or does so with its last connection.
      if (errnoOf(error) === undefined) throw error;
    }
    await this.#take(frame, to, lock);
    this.next.locks.set(frame, gfid, lock, to);
  }

  /**
   * A brick cannot be told that a lock is not waited for any longer: it gives the lock to those first who waited in the graph
   * before, and they give it back one after the other.
   */
  async #take(frame: Frame, fd: Fd, lock: Flock): Promise<void> {
    const { top } = this.next.volume;
    const giveBack = () => void top.lk(frame, fd, 'set', { ...lock, type: 'unlock' }).catch(() => {});
    for (;;) {
      try {
        await this.#inTime(() => top.lk(frame, fd, 'set', lock), giveBack);
        return;
      } catch (error) {
        const isTaken = errnoOf(error) === 'EAGAIN' && performance.now() < this.#givenBackMs;
        if (!isTaken || !(await this.#isGivenBack(frame, fd, lock))) throw error;
      }
      await sleep(AGAIN_MS);
    }
  }

  /** Whether what is in the way of a lock was taken in the graph before, or is gone by now. */
  async #isGivenBack(frame: Frame, fd: Fd, lock: Flock): Promise<boolean> {
    const { top } = this.next.volume;
    const { type, owner = Buffer.alloc(0) } = await this.#inTime(() => top.lk(frame, fd, 'get', lock));
    return type === 'unlock' || this.#gaveUp.has(owner.toString('hex')) || frame.lkOwner?.equals(owner) === true;
  }

  /** What `call` brings when it is not waited for any longer is for `late`. @throws {FsError} ETIMEDOUT, among others */
  async #inTime<T>(call: () => Promise<T>, late?: (value: T) => void): Promise<T> {
    if (this.#over.aborted) throw tooLate();
    let isLate = false;
    const answer = call();
    answer.then(
      value => isLate && late?.(value),
      () => {},
    );
    try {
      return await Promise.race([answer, this.#late]);
    } finally {
      isLate = true;
    }
  }

  #lose(number: number): void {
    this.lost++;
    const fd = this.next.files.lose(number);
    if (fd !== undefined) this.next.locks.forget(fd);
  }
}

/** Opens and locks in the graph `next` what is open and locked in the graph `before`, under the same numbers. */
export async function moveOpen(before: Serving, next: Serving, moving: Moving): Promise<void> {
  const move = new Move(before, next, moving);
  await move.files();
  await move.locks();
  if (move.lost > 0)
    moving.log.warn(`${move.lost} open files, or their locks, are lost with the former graph; their users get EBADFD`);
}
