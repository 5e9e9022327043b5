/**
 * The life of a change to replicas, step by step.
 *
 *     lock → pre-op → fop … fop → post-op → unlock
 *
 * Whichever child fails at whichever point:
 *
 * - A fop is answered as done only if a quorum of children has done it, and a quorum has recorded which have not. So any
 *   quorum that is asked later has a member that knows which children can be trusted.
 * - Children are blamed by a quorum only, in which one is not blamed itself. All others would be a split brain.
 * - If no quorum agrees on what has become of a fop, no child is blamed and the dirty marks stay: the self-heal daemon
 *   makes the replicas equal in one way or the other. The caller gets an error.
 * - A child that goes away in the middle keeps its dirty mark, and is blamed for that, although it may have done all: with
 *   a dirty mark and no blame, GlusterFS's daemon takes the child with the most dirty marks for the source, and that
 *   child may have lost what it had not yet written to its disk.
 */
import { type Children, countOf } from '../children.ts';
import { Fan, type Marking } from './fan.ts';
import { Locking } from './locking.ts';
import type { Action, Call, Step } from './steps.ts';

export type Phase = 'new' | 'locking' | 'pre-op' | 'open' | 'sync' | 'post-op' | 'unlock' | 'over';

/** How far a transaction has come, and what it asks for next. */
export abstract class Course {
  protected phase: Phase = 'new';
  protected locking = new Locking(0, 0);
  protected marking: Marking | undefined;
  /** How many locks are being given up. */
  protected unlocks = 0;
  protected out: Action[] = [];

  /** The children on which the locks are held. A child that comes up again has dropped them. */
  get locked(): Children {
    return this.locking.locked;
  }

  protected call(step: Step, on: Children, more: Partial<Call> = {}): void {
    if (step === 'unlock') this.unlocks += countOf(on);
    this.out.push({ do: step, on, id: 0, whom: 0, dirty: 0, ...more });
  }

  protected mark(step: Step, on: Children, more: Partial<Call> = {}): void {
    if (step === 'pre-op' || step === 'sync' || step === 'post-op') this.phase = step;
    this.marking = { step, fan: new Fan(on), whom: more.whom ?? 0 };
    this.call(step, on, more);
  }

  protected lock(locks: number, on: Children): void {
    this.phase = 'locking';
    this.locking = new Locking(locks, on);
    for (let lock = 0; lock < locks; lock++) this.call('lock', on, { id: lock });
  }

  protected unlock(): void {
    this.phase = 'unlock';
    for (const [id, on] of this.locking.held.entries()) if (on !== 0) this.call('unlock', on, { id });
  }
}
