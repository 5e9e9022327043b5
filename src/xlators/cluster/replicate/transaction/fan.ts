import type { Errno } from '../../../../errno.ts';
import { type Children, countOf } from '../children.ts';
import type { Effect } from './steps.ts';
import { Answers } from './verdict.ts';

/** A call that several children answer. */
export class Fan {
  readonly children: Children;
  readonly answers = new Answers();
  #pending: number;

  constructor(children: Children) {
    this.children = children;
    this.#pending = countOf(children);
  }

  get isDone(): boolean {
    return this.#pending === 0;
  }

  add(child: number, error: Errno | undefined): void {
    this.#pending--;
    this.answers.add(child, error);
  }
}

/** A fop under way. */
export interface Request {
  readonly id: number;
  readonly effect: Effect;
  readonly fan: Fan;
  /** How many unsynced writes had been done when it began. */
  readonly before: number;
  code: Errno | undefined;
  from: Children;
}
