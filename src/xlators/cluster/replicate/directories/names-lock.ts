import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { OWN } from '../../../../graph/own-frame.ts';
import { errnoOf } from '../../../../errno.ts';
import { type Children, listOf, only } from '../children.ts';
import type { Replicas } from '../replicas.ts';
import { newOwner } from '../transaction/runner.ts';

/** What a brick answers with how many entrylks there are in a directory, held and waited for. */
const COUNT = 'glusterfs.entrylk-count';
const COUNTING = new Map([[COUNT, 0]]);

/**
 * The lock on all names of a directory, on all children. It is taken only where no other lock is in the way, and waits for
 * nothing, so no other client ever waits for one that waits.
 */
export class NamesLock {
  readonly #replicas: Replicas;
  readonly #inode: Inode;
  readonly #frame: Frame = { ...OWN, lkOwner: newOwner() };
  readonly #since = performance.now();
  /** Called when a child has gone down, with the lock. */
  readonly #lost: () => void;
  #held: Children = 0;
  #isLost = false;
  #isAsking = false;

  constructor(replicas: Replicas, inode: Inode, lost: () => void) {
    this.#replicas = replicas;
    this.#inode = inode;
    this.#lost = lost;
    replicas.running.add(this);
  }

  /** The children that have it. */
  get held(): Children {
    return this.#held;
  }

  /** Whether it is gone on a child. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** How long ago it was asked for, in milliseconds. */
  get age(): number {
    return performance.now() - this.#since;
  }

  /** Returns whether all children have granted it. If not, it is to be given up. */
  async take(): Promise<boolean> {
    const { all } = this.#replicas;
    await Promise.all(listOf(all).map(i => this.#takeOn(i)));
    return this.#held === all;
  }

  async giveUp(): Promise<void> {
    await Promise.all(listOf(this.#held).map(i => this.#call(i, 'unlock')));
    this.#replicas.running.delete(this);
  }

  /**
   * Asks the first child whether there are other locks: clients that have not got theirs at once wait for them on one
   * child after the other, in their order. If it does not tell, there may be.
   */
  async isContended(): Promise<boolean> {
    if (this.#isAsking) return false;
    this.#isAsking = true;
    const { gfid, hint } = this.#inode;
    try {
      const { xdata } = await this.#replicas.children[0]!.discover(this.#frame, gfid, hint, COUNTING);
      return Number(xdata?.get(COUNT) ?? Infinity) > 1;
    } catch (error) {
      this.#check(error);
      return true;
    } finally {
      this.#isAsking = false;
    }
  }

  down(child: number): void {
    this.#held &= ~only(child);
    this.#isLost = true;
    this.#lost();
  }

  async #takeOn(i: number): Promise<void> {
    if (await this.#call(i, 'write')) this.#held |= only(i);
  }

  /** Returns whether it was done. */
  async #call(i: number, type: 'write' | 'unlock'): Promise<boolean> {
    const { children, name } = this.#replicas;
    try {
      await children[i]!.entrylk(this.#frame, name, this.#inode, undefined, type, false);
      return true;
    } catch (error) {
      this.#check(error);
      return false; // A lock that cannot be given up is gone with its connection.
    }
  }

  /** Changes that wait for this lock must not wait for ever, whatever was thrown. */
  #check(error: unknown): void {
    const { log, name } = this.#replicas;
    if (errnoOf(error) === undefined) log.error({ err: error }, `a lock on all names failed on a child of ${name}`);
  }
}
