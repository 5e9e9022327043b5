import type { Errno } from '../../../../errno.ts';
import { type Children, countOf } from '../children.ts';
import type { Effect, Step } from './steps.ts';
import { Answers } from './verdict.ts';

/** A call that several children answer. */
export class Fan {
  children: Children;
  readonly answers = new Answers();
  #pending: number;

  constructor(children: Children) {
    this.children = children;
    this.#pending = countOf(children);
  }

  get isDone(): boolean {
    return this.#pending === 0;
  }

  /** More children are asked. */
  expect(children: Children): void {
    this.children |= children;
    this.#pending += countOf(children);
  }

  add(child: number, error: Errno | undefined): void {
    this.#pending--;
    this.answers.add(child, error);
  }
}

/** A fop that is to be done. */
export interface Asked {
  readonly id: number;
  readonly effect: Effect;
}

/** A fop under way. */
export interface Request extends Asked {
  readonly fan: Fan;
  /** How many unsynced writes had been done when it began. */
  readonly before: number;
  /**
   * The children that others blame for names in this directory. They might rename, or remove, what no longer exists:
   * so they are asked only if others have done it.
   */
  later: Children;
  code: Errno | undefined;
  from: Children;
}

/** Marks that are being made: in the phases `pre-op`, `sync` and `post-op`, and meanwhile `blame`, `undo` and `new-entry`. */
export interface Marking {
  readonly step: Step;
  readonly fan: Fan;
  readonly whom: Children;
}
