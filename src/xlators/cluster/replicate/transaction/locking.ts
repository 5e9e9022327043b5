/** The locks of a transaction: taken everywhere at once, or one after the other if another client has one of them. */
import type { Errno } from '../../../../errno.ts';
import { type Children, countOf, listOf, only } from '../children.ts';
import { Answers } from './verdict.ts';

interface LockCall {
  readonly step: 'wait' | 'unlock';
  readonly on: Children;
  readonly lock: number;
}

/**
 * Two clients that each wait for a lock which the other has would wait for ever. So locks are taken without waiting, and
 * if that fails they are given up and waited for in one order, which all clients share.
 */
export class Locking {
  /** The children that hold each lock. */
  readonly held: Children[];
  /** The errors of children that could not be locked. */
  readonly errors = new Answers();
  #candidates: Children;
  #pending: number;
  #isContended = false;
  #order: { readonly lock: number; readonly child: number }[] = [];

  constructor(locks: number, children: Children) {
    this.held = Array.from({ length: locks }, () => 0);
    this.#candidates = children;
    this.#pending = countOf(children) * locks;
  }

  get isDone(): boolean {
    return this.#pending === 0 && this.#order.length === 0;
  }

  /** The children of which all locks are held. */
  get locked(): Children {
    return this.held.reduce((all, children) => all & children, this.#candidates);
  }

  /** Takes a child's answer, and returns the calls that follow from it. */
  answer(step: 'lock' | 'wait', child: number, lock: number, error: Errno | undefined): LockCall[] {
    this.#pending--;
    const isContended = step === 'lock' && error === 'EAGAIN';
    if (isContended) this.#isContended = true;
    else if (error !== undefined) this.#exclude(child, error);
    else this.held[lock]! |= only(child);
    if (this.#pending > 0) return [];
    if (step === 'wait') return this.#next();
    if (!this.#isContended) return this.#giveUp(~this.#candidates);
    const given = this.#giveUp(~0);
    const candidates = listOf(this.#candidates);
    this.#order = this.held.flatMap((_, lock) => candidates.map(child => ({ lock, child })));
    return [...given, ...this.#next()];
  }

  /** The child has lost its locks. */
  down(child: number): void {
    this.#candidates &= ~only(child);
    for (const lock of this.held.keys()) this.held[lock]! &= ~only(child);
  }

  #exclude(child: number, error: Errno): void {
    this.#candidates &= ~only(child);
    this.errors.add(child, error);
  }

  #next(): LockCall[] {
    for (let next = this.#order.shift(); next !== undefined; next = this.#order.shift()) {
      if ((this.#candidates & only(next.child)) === 0) continue;
      this.#pending = 1;
      return [{ step: 'wait', on: only(next.child), lock: next.lock }];
    }
    return this.#giveUp(~this.#candidates);
  }

  /** Gives up what is held on these children. */
  #giveUp(children: Children): LockCall[] {
    const calls: LockCall[] = [];
    for (const [lock, held] of this.held.entries()) {
      if ((held & children) !== 0) calls.push({ step: 'unlock', on: held & children, lock });
      this.held[lock]! &= ~children;
    }
    return calls;
  }
}
