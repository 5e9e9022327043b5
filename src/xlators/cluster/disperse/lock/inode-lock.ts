/** The lock on an inode: does what its transaction says, and runs operations under it. */
import { type Errno, FsError } from '../../../../errno.ts';
import type { Flock, Xattrs } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { refusalOf } from '../answers/majority.ts';
import { type Bricks, brick } from '../bricks.ts';
import { type Answer, succeeded, type Volume } from '../volume.ts';
import { CONFIG, DIRTY, numberBytes, pairBytes, SIZE, VERSION } from '../xattrs.ts';
import type { Action, Event, Outcome, Wish } from './events.ts';
import { isZero } from './pairs.ts';
import { type Present, presentIn } from './present.ts';
import { Transaction } from './transaction.ts';

const WHOLE = { start: 0n, length: 0n };
const WRITE: Flock = { type: 'write', ...WHOLE };
const UNLOCK: Flock = { type: 'unlock', ...WHOLE };

/** What an operation knows while it runs. */
export interface Held {
  readonly good: Bricks;
  /** Bricks that must get each write, but that do not count. */
  readonly healing: Bricks;
  /** The size of the file; 0 if the operation did not ask for it. */
  readonly size: number;
}

/** What an operation answers, and what it reports of itself. */
export interface Done<T> extends Partial<Outcome> {
  readonly result: T;
}

interface Op extends Wish {
  readonly start: () => void;
  readonly fail: (code: Errno) => void;
}

type Act<D extends Action<Op>['do']> = Extract<Action<Op>, { do: D }>;

export class InodeLock {
  readonly #volume: Volume;
  readonly #inode: Inode;
  /** The frame of all that the lock does itself: the server's own, with an owner of its own. */
  readonly #frame: Frame;
  readonly #idle: () => void;
  readonly #transaction: Transaction<Op>;
  #settled: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(volume: Volume, inode: Inode, frame: Frame, idle: () => void) {
    this.#volume = volume;
    this.#inode = inode;
    this.#frame = frame;
    this.#idle = idle;
    const { n, k, up } = volume;
    const optimistic = volume.settings()['optimistic-change-log'];
    // A file has a version as soon as it has a size.
    const isVersioned = () => inode.type !== FileType.DIR || volume.versioned.has(inode.gfid);
    this.#transaction = new Transaction({ n, k, up, optimistic, isVersioned });
  }

  /** The size of the file as this process knows it, which may not be on the bricks yet. */
  get size(): number | undefined {
    return this.#transaction.size;
  }

  /**
   * Runs an operation when its turn comes. What it reports has been marked on the bricks when this resolves, if a brick
   * has missed it.
   */
  async run<T>(wish: Wish, body: (held: Held) => Promise<Done<T>>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const op: Op = { ...wish, start: resolve, fail: code => reject(new FsError(code)) };
    this.send({ is: 'entered', op });
    await promise;
    const { good, healing, size } = this.#transaction;
    let outcome: Outcome = { changed: 'nothing', missed: 0 };
    try {
      const { result, changed = 'nothing', missed = 0, ...sizes } = await body({ good, healing, size: size ?? 0 });
      outcome = { changed, missed, size: sizes.size, end: sizes.end };
      return result;
    } catch (error) {
      if (error instanceof Failed) {
        outcome = error.outcome;
        throw error.cause;
      }
      throw error;
    } finally {
      // Bricks that take no part have missed it as well.
      const missed = outcome.changed === 'nothing' ? outcome.missed : outcome.missed | (this.#volume.up & ~good);
      if (missed !== 0) this.#volume.missed(missed);
      this.send({ is: 'left', op, outcome });
      if (outcome.changed !== 'nothing' && this.#transaction.unsettled) {
        await new Promise<void>(resolve => this.#settled.push(resolve));
      }
      if (missed !== 0) this.#volume.missed(missed); // What was asked before the marks does not count.
    }
  }

  send(event: Event<Op>): void {
    for (const action of this.#transaction.next(event)) this.#perform(action);
  }

  #perform(action: Action<Op>): void {
    switch (action.do) {
      case 'start':
        action.op.start();
        break;
      case 'fail':
        action.op.fail(action.code);
        break;
      case 'lock':
        void this.#lock(action.bricks);
        break;
      case 'wait':
        void this.#wait(action.brick);
        break;
      case 'unlock':
        void this.#unlock(action.bricks);
        break;
      case 'prepare':
        void this.#prepare(action);
        break;
      case 'update':
        void this.#update(action);
        break;
      case 'timer':
        this.#startTimer();
        break;
      case 'cancel':
        clearTimeout(this.#timer);
        break;
      case 'lost':
        this.#volume.lost();
        break;
      case 'settled':
        for (const resolve of this.#settled.splice(0)) resolve();
        break;
      case 'idle':
        this.#idle();
        break;
    }
  }

  #startTimer(): void {
    const settings = this.#volume.settings();
    const isFile = this.#inode.type === FileType.REG;
    const isKept = isFile ? settings['eager-lock'] : settings['other-eager-lock'];
    const kept = isFile ? settings['eager-lock-timeout'] : settings['other-eager-lock-timeout'];
    const seconds = isKept ? kept : 0;
    this.#timer = setTimeout(() => this.send({ is: 'timeout' }), seconds * 1000);
  }

  async #lock(bricks: Bricks): Promise<void> {
    const answers = await this.#volume.ask(bricks, child =>
      child.inodelk(this.#frame, this.#volume.name, this.#inode, WRITE, false),
    );
    const busy = answers.filter(({ code }) => code === 'EAGAIN').reduce((set, answer) => set | brick(answer.brick), 0);
    const code = busy === 0 && succeeded(answers) !== bricks ? refusalOf(this.#volume, answers) : undefined;
    this.send({ is: 'locked', granted: succeeded(answers), busy, code });
  }

  async #wait(index: number): Promise<void> {
    const { code } = await this.#volume.askOne(index, child =>
      child.inodelk(this.#frame, this.#volume.name, this.#inode, WRITE, true),
    );
    this.send({ is: 'granted', brick: index, code });
  }

  async #unlock(bricks: Bricks): Promise<void> {
    await this.#volume.ask(bricks, child => child.inodelk(this.#frame, this.#volume.name, this.#inode, UNLOCK, false));
    this.send({ is: 'unlocked' });
  }

  async #prepare({ bricks, info, dirty, version }: Act<'prepare'>): Promise<void> {
    const additions = new Map<string, Buffer>();
    const isFile = this.#inode.type === FileType.REG;
    if (info && isFile) additions.set(SIZE, numberBytes(0)).set(CONFIG, numberBytes(0));
    if (info || !isZero(version)) additions.set(VERSION, pairBytes(version));
    if (!isZero(dirty)) additions.set(DIRTY, pairBytes(dirty));
    const answers = await this.#add(bricks, additions);
    const present: Present = info
      ? presentIn(this.#volume, answers, isFile)
      : { good: succeeded(answers), healing: 0, size: undefined, code: undefined };
    if (present.code === 'EIO') this.#refuse(answers);
    this.send({ is: 'prepared', ...present, failed: bricks & ~succeeded(answers) });
  }

  async #update({ bricks, size, dirty, version }: Act<'update'>): Promise<void> {
    const additions = new Map<string, Buffer>();
    if (size !== 0) additions.set(SIZE, numberBytes(size));
    if (!isZero(version)) additions.set(VERSION, pairBytes(version));
    if (!isZero(dirty)) additions.set(DIRTY, pairBytes(dirty));
    const answers = await this.#add(bricks, additions);
    const { n, k } = this.#volume;
    // A file that was removed has no size that could be lost.
    const isRemoved = answers.filter(({ code }) => code === 'ENOENT' || code === 'ESTALE').length > n - k;
    const good = isRemoved ? bricks : succeeded(answers);
    if (good !== bricks) this.#volume.missed(bricks & ~good);
    if (good === this.#volume.all && version[0] > 0) this.#volume.versioned.add(this.#inode.gfid);
    this.send({ is: 'updated', good });
  }

  #add(bricks: Bricks, additions: Xattrs): Promise<Answer<Xattrs>[]> {
    return this.#volume.ask(bricks, child => child.xattrop(this.#frame, this.#inode, 'add64', additions));
  }

  #refuse(answers: readonly Answer<Xattrs>[]): void {
    const { log, children, k } = this.#volume;
    const states = Object.fromEntries(
      answers.map(({ brick, value, code }) => [
        children[brick]!.name,
        code ?? [VERSION, SIZE, CONFIG].map(key => value.get(key)?.toString('hex')).join(' '),
      ]),
    );
    log.error(
      { gfid: this.#inode.gfid.toString('hex'), states },
      `fewer than ${k} bricks agree on version, size and config of this file, so it cannot be used before it is healed`,
    );
  }
}

/** The error of an operation that has changed something, with what it reports. */
export class Failed extends Error {
  readonly outcome: Outcome;
  /** Neither enough bricks have the change, nor is it certain that enough of them have not. */
  readonly isUnsure: boolean;

  constructor(cause: unknown, outcome: Outcome, isUnsure = false) {
    super('an operation failed', { cause });
    this.outcome = outcome;
    this.isUnsure = isUnsure;
  }
}
