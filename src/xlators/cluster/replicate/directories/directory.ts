import type { Inode } from '../../../../graph/inode.ts';
import type { Replicas } from '../replicas.ts';
import { NamesLock } from './names-lock.ts';

/** How often it is looked whether a lock is still to be kept, in milliseconds. The other times are in such ticks. */
export const TICK_MS = 50;
/** How long after a change the next one is expected: so long a lock is kept. */
const IDLE = 4;
/** How long at most a lock is kept, in milliseconds: a client may wait where it is not looked for. */
const KEPT_MS = 1000;
/** How long none is kept after that, and after a change that has to lock names in several directories. */
const PAUSE = 2;
/** How long none is kept where another client has been met. */
const APART = 100;

/**
 * A directory in which names are being changed, or were a moment ago. A change locks its names for itself. Once changes
 * follow each other, they share one lock on all names, which is kept from one to the next: each of them needs nine calls
 * to three bricks without it, and three with it.
 *
 * Clients that want a name meanwhile have to wait, and bricks of GlusterFS 10 do not tell of them. So in each tick the
 * first brick is asked whether a client waits. If one does, the lock is given up, and for a while each change locks only
 * its own names. While a child is down or lacks something it is not kept either, since the self-heal daemon
 * locks all names for each one that it heals.
 */
export class Directory {
  readonly #replicas: Replicas;
  readonly #inode: Inode;
  /** The end of the last change of each name. */
  readonly #last = new Map<string, Promise<void>>();
  #changes = 0;
  /** How many changes under way have locked, or are locking, names for themselves, and how many have the lock on all. */
  #apart = 0;
  #sharing = 0;
  #lock: NamesLock | undefined;
  #isOpen = false;
  #sinceChange = IDLE;
  #pause = 0;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(replicas: Replicas, inode: Inode) {
    this.#replicas = replicas;
    this.#inode = inode;
  }

  /** A change begins, which waits for those before it of the same names. Returns what to wait for, if anything. */
  begin(name: string | undefined, over: Promise<void>): Promise<void> | undefined {
    this.#changes++;
    if (name === undefined) return undefined;
    const before = this.#last.get(name);
    this.#last.set(name, over);
    return before;
  }

  forget(name: string | undefined, over: Promise<void>): void {
    this.#changes--;
    if (name !== undefined && this.#last.get(name) === over) this.#last.delete(name);
  }

  /**
   * What a change of names in this directory alone has to wait for before it is let in; then this is to be asked again.
   * If undefined, it may go on: either with the lock that is kept, or with one of its own.
   */
  obstacle(): Promise<void> | undefined {
    if (this.#lock !== undefined) return this.#isOpen ? undefined : this.#change();
    if (!this.#isAllowed || this.#pause > 0 || this.#sinceChange >= IDLE) return undefined;
    if (this.#apart === 0) void this.#take();
    return this.#change();
  }

  /** The same for a change that concerns other directories too, or the directory itself. It locks names for itself. */
  obstacleApart(): Promise<void> | undefined {
    this.#pause = Math.max(this.#pause, PAUSE);
    if (this.#lock === undefined) return undefined;
    this.giveUp();
    return this.#change();
  }

  /** Lets a change in. Returns the lock that it shares, if one is kept. */
  enter(): NamesLock | undefined {
    this.#sinceChange = 0;
    if (this.#lock === undefined) this.#apart++;
    else this.#sharing++;
    return this.#lock;
  }

  leave(isSharing: boolean): void {
    if (isSharing) this.#sharing--;
    else this.#apart--;
    if (this.#sharing === 0 && this.#lock !== undefined && !this.#isOpen) void this.#close();
    else if (this.#apart === 0) this.#wake();
  }

  /** Another client wants to change names here. */
  contended(): void {
    this.#pause = APART;
    this.giveUp();
    this.#wake();
  }

  /** The lock is no longer kept: it ends with the changes that have it. */
  giveUp(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#sharing === 0) void this.#close();
  }

  /** Gives up the lock, and resolves when none is kept. */
  async end(): Promise<void> {
    while (this.#lock !== undefined) {
      this.giveUp();
      await this.#change();
    }
  }

  /** Returns whether anything is left to be remembered. */
  tick(): boolean {
    if (this.#pause > 0) this.#pause--;
    this.#sinceChange++;
    if (this.#lock !== undefined && this.#isOpen) this.#review(this.#lock);
    return this.#changes > 0 || this.#lock !== undefined || this.#pause > 0 || this.#sinceChange < IDLE;
  }

  #review(lock: NamesLock): void {
    const isOver = lock.age >= KEPT_MS;
    if (isOver) this.#pause = PAUSE;
    if (isOver || !this.#isAllowed || (this.#sinceChange >= IDLE && this.#sharing === 0)) this.giveUp();
    else void this.#ask(lock);
  }

  async #ask(lock: NamesLock): Promise<void> {
    if ((await lock.isContended()) && lock === this.#lock) this.contended();
  }

  get #isAllowed(): boolean {
    const { options, isWhole } = this.#replicas;
    return options['eager-lock'] && isWhole;
  }

  async #take(): Promise<void> {
    const lock = new NamesLock(this.#replicas, this.#inode, () => this.giveUp());
    this.#lock = lock;
    const isTaken = await lock.take();
    if (!isTaken) this.#pause = APART;
    this.#isOpen = this.#pause === 0 && !lock.isLost; // Somebody may have been met, or a child gone, meanwhile.
    if (this.#isOpen) this.#wake();
    else await this.#close();
  }

  async #close(): Promise<void> {
    await this.#lock!.giveUp();
    this.#lock = undefined;
    this.#wake();
  }

  /** Resolves with the next change of what is locked here. */
  #change(): Promise<void> {
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
