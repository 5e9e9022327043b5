import type { Errno } from '../../../../errno.ts';
import { type Children, countOf } from '../children.ts';
import type { Step } from './steps.ts';
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

/** Marks that are being made: in the phases `pre-op`, `sync` and `post-op`, and meanwhile the others. */
export interface Marking {
  readonly step: Step;
  readonly fan: Fan;
  readonly whom: Children;
}
