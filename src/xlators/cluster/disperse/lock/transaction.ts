/**
 * What happens to one inode from the lock on its bricks to the unlock, without any I/O: {@link Transaction.next} takes
 * what has happened and answers with what is to be done.
 *
 *     lock -> prepare -> operations -> (a second without any) -> update -> unlock
 *
 * `prepare` reads size and version, finds which bricks have the present content, and marks the inode as dirty. `update`
 * writes the new size, and takes the mark away if all bricks have the change. If not it is left, and the version of the
 * others rises, before any operation is answered that a brick has missed: so stale ones are recognised, and healed.
 */
import type { Errno } from '../../../../errno.ts';
import { type Bricks, brick, countOf } from '../bricks.ts';
import { Acquisition } from './acquisition.ts';
import {
  type Action,
  type Event,
  excludes,
  type Outcome,
  type Pair,
  type TransactionConfig,
  type Wish,
} from './events.ts';
import { type Additions, Ledger } from './ledger.ts';
import { isZero, NONE } from './pairs.ts';

type Phase = 'free' | 'locking' | 'held' | 'releasing';

export class Transaction<Op extends Wish> {
  readonly #all: Bricks;
  readonly #config: TransactionConfig;
  #up: Bricks;
  #phase: Phase = 'free';
  /** Operations that run under this lock, and those that must wait for the next one. */
  #waiting: Op[] = [];
  #later: Op[] = [];
  readonly #active = new Set<Op>();
  #acquisition = new Acquisition();
  #good: Bricks = 0;
  #healing: Bricks = 0;
  #unmarked: Bricks = 0; // those that are locked and could not be marked
  #ledger: Ledger;
  /** No operation is to begin under this lock; it is given up when those that run have ended. */
  #release = false;
  #busy = false; // a `prepare` or `update` is under way
  #preparing: { readonly op: Op; readonly dirty: Pair; readonly version: Pair } | undefined;
  #timer = false;
  #actions: Action<Op>[] = [];

  constructor(config: TransactionConfig) {
    this.#config = config;
    this.#all = 2 ** config.n - 1;
    this.#up = config.up;
    this.#ledger = new Ledger(config.isVersioned());
  }

  /** The bricks that have the present content, as far as it is known. */
  get good(): Bricks {
    return this.#good;
  }

  /** Bricks that are being healed: they must get each write, and do not count. */
  get healing(): Bricks {
    return this.#healing;
  }

  /** Whether a brick has missed something, and the others' versions do not tell yet: `settled` follows. */
  get unsettled(): boolean {
    return this.#ledger.missed;
  }

  /** The size of the file. Undefined if it is not known, or if others may have changed it. */
  get size(): number | undefined {
    return this.#ledger.size;
  }

  next(event: Event<Op>): Action<Op>[] {
    this.#actions = [];
    this.#take(event);
    return this.#actions;
  }

  #take(event: Event<Op>): void {
    switch (event.is) {
      case 'entered':
        this.#enter(event.op);
        break;
      case 'locked':
        this.#acquire(this.#acquisition.lockedAtOnce(event.granted, event.busy, event.code, this.#up));
        break;
      case 'granted':
        this.#acquire(this.#acquisition.granted(event.brick, event.code));
        break;
      case 'unlocked':
        if (this.#phase === 'locking') this.#acquire(this.#acquisition.backedOff(this.#up));
        else this.#unlocked();
        break;
      case 'prepared':
        this.#unmarked |= event.failed;
        this.#prepared(event.good, event.healing, event.size, event.code);
        break;
      case 'left':
        this.#leave(event.op, event.outcome);
        break;
      case 'updated':
        this.#updated(event.good);
        break;
      case 'contention':
      case 'timeout':
        if (event.is === 'timeout') this.#timer = false;
        this.#giveUp();
        break;
      case 'down':
        this.#up &= ~brick(event.brick);
        this.#lose(brick(event.brick));
        break;
      case 'up':
        this.#up |= brick(event.brick);
        this.#giveUp(); // the next lock includes this brick
        break;
    }
  }

  #enter(op: Op): void {
    const isOver = this.#phase === 'releasing' || (this.#phase === 'held' && this.#release);
    (isOver ? this.#later : this.#waiting).push(op);
    if (this.#phase === 'free') this.#lock();
    else if (this.#phase === 'held') this.#pump();
  }

  #lock(): void {
    this.#phase = 'locking';
    this.#release = false;
    this.#acquisition = new Acquisition();
    this.#acquire(this.#acquisition.begin(this.#up));
  }

  #acquire(step: ReturnType<Acquisition['begin']>): void {
    if (step !== undefined) {
      this.#actions.push(step);
      return;
    }
    const { locked, code } = this.#acquisition;
    if (countOf(locked) < this.#config.k) {
      // Bricks that contradict each other are not known to be right.
      const why = locked === 0 ? (code ?? 'ENOTCONN') : 'ENOTCONN';
      for (const op of this.#waiting) this.#actions.push({ do: 'fail', op, code: why });
      this.#waiting = [];
      this.#unlock();
      return;
    }
    this.#phase = 'held';
    this.#good = locked;
    this.#healing = this.#unmarked = 0;
    this.#ledger = new Ledger(this.#config.isVersioned());
    this.#pump();
  }

  /** Starts what can start, and does what the next operation needs. */
  #pump(): void {
    if (this.#phase !== 'held' || this.#busy) return;
    while (this.#waiting.length > 0) {
      const op = this.#waiting[0]!;
      if ([...this.#active].some(other => excludes(op, other))) break;
      if (this.#prepare(op) || (op.flush && this.#update(this.#ledger.takeSize()))) break;
      this.#waiting.shift();
      if (countOf(this.#good) < this.#config.k) {
        this.#actions.push({ do: 'fail', op, code: 'ENOTCONN' });
        continue;
      }
      this.#active.add(op);
      this.#actions.push({ do: 'start', op });
    }
    const isQuiet = this.#active.size === 0 && this.#waiting.length === 0 && !this.#busy;
    if (isQuiet && this.#release) this.#beginRelease();
    else if (isQuiet !== this.#timer) {
      this.#timer = isQuiet;
      this.#actions.push({ do: isQuiet ? 'timer' : 'cancel' });
    }
  }

  /** Whether something is to be asked or marked before `op`. */
  #prepare(op: Op): boolean {
    const isSafe = this.#good === this.#all && this.#config.optimistic && !op.marks;
    const dirty = isSafe ? NONE : this.#ledger.marksFor(op.change);
    const isKnown = this.#ledger.size !== undefined;
    const isWhole = (this.#acquisition.locked & ~this.#unmarked) === this.#all;
    const info = (op.info || (op.change !== 'nothing' && !isWhole)) && !isKnown;
    // A brick that takes no part is stale from this change on, and that must be known before the change is. Only bricks
    // that are known to be good may rise: a stale one that rises with too few of them would agree with the one that is away.
    const version = isWhole || info ? NONE : this.#ledger.risesFor(op.change);
    if (!info && isZero(dirty) && isZero(version)) return false;
    this.#preparing = { op, dirty, version };
    const bricks = isKnown ? this.#good | this.#healing : this.#acquisition.locked;
    this.#busy = true;
    this.#actions.push({ do: 'prepare', bricks, info, dirty, version });
    return true;
  }

  #prepared(good: Bricks, healing: Bricks, size: number | undefined, code: Errno | undefined): void {
    const { op, dirty, version } = this.#preparing!;
    this.#busy = false;
    this.#good &= good;
    if (size !== undefined) {
      this.#ledger.found(size);
      this.#healing = healing & this.#acquisition.locked;
    }
    if (code === undefined && countOf(this.#good) >= this.#config.k) {
      this.#ledger.marked(dirty, version);
    } else {
      this.#release = true;
      this.#waiting.shift();
      this.#actions.push({
        do: 'fail',
        op,
        code: code ?? (this.#acquisition.locked === this.#all ? 'EIO' : 'ENOTCONN'),
      });
    }
    this.#pump();
  }

  #leave(op: Op, outcome: Outcome): void {
    this.#active.delete(op);
    this.#ledger.left(outcome);
    // Bricks that are being healed get changes of the data only.
    const missed = outcome.missed | (outcome.changed === 'metadata' ? this.#healing : 0);
    if ((missed & (this.#good | this.#healing)) !== 0) this.#miss(missed);
    this.#pump();
  }

  #miss(bricks: Bricks): void {
    this.#good &= ~bricks;
    this.#healing &= ~bricks;
    this.#ledger.miss();
    this.#release = true;
  }

  #lose(bricks: Bricks): void {
    this.#acquisition.lose(bricks);
    if (this.#phase !== 'held' && this.#phase !== 'releasing') return;
    this.#miss(bricks);
    this.#pump();
  }

  #giveUp(): void {
    if (this.#phase === 'free' || this.#phase === 'releasing') return;
    this.#release = true;
    this.#pump();
  }

  /** Writes what `additions` says, if anything. */
  #update(additions: Additions | undefined, bricks = this.#good | this.#healing): boolean {
    if (additions === undefined) return false;
    this.#busy = true;
    this.#actions.push({ do: 'update', bricks, ...additions });
    return true;
  }

  #updated(good: Bricks): void {
    this.#busy = false;
    const failed = this.#good & ~good;
    if (failed !== 0) this.#miss(failed);
    if (countOf(this.#good) >= this.#config.k) this.#ledger.updated();
    if (this.#phase !== 'releasing') {
      this.#pump();
      return;
    }
    const marks = this.#ledger.takeMarks();
    const mustMark = failed !== 0 && countOf(this.#good) >= this.#config.k;
    if (!mustMark || !this.#update(marks)) this.#unlock();
  }

  #beginRelease(): void {
    this.#phase = 'releasing';
    if (this.#timer) this.#actions.push({ do: 'cancel' });
    this.#timer = false;
    const isWhole = (this.#good | this.#healing) === this.#all;
    const isUnsure = countOf(this.#good) < this.#config.k; // all are marked then, so that the self-heal daemon looks
    const ledger = this.#ledger;
    const additions = isUnsure ? ledger.takeUnsure() : isWhole ? ledger.takeWhole() : ledger.takePartial();
    if (!this.#update(additions, isUnsure ? this.#acquisition.locked : undefined)) this.#unlock();
  }

  #unlock(): void {
    this.#phase = 'releasing';
    if (this.#ledger.owesSize) this.#actions.push({ do: 'lost' });
    this.#ledger = new Ledger(this.#config.isVersioned());
    this.#actions.push({ do: 'settled' });
    if (this.#acquisition.locked === 0) this.#unlocked();
    else this.#actions.push({ do: 'unlock', bricks: this.#acquisition.locked });
  }

  #unlocked(): void {
    this.#phase = 'free';
    this.#good = this.#healing = 0;
    this.#waiting.push(...this.#later.splice(0));
    if (this.#waiting.length > 0) this.#lock();
    else this.#actions.push({ do: 'idle' });
  }
}
