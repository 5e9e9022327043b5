/**
 * Locks for those above, which all bricks must have: taken from all at once and, if another owner is in the way and is to
 * be waited for, from one brick after the other, in an order that is the same for all clients.
 */
import { type Bricks, brick, countOf, indexes } from '../bricks.ts';
import { noMajority } from '../answers/majority.ts';
import { FsError } from '../../../../errno.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { type Answer, succeeded, type Volume } from '../volume.ts';

export interface LockCalls<R> {
  readonly take: (child: Xlator, wait: boolean) => Promise<R>;
  /** Gives back what was taken. */
  readonly undo: (child: Xlator) => Promise<unknown>;
}

/** Takes a lock, and returns what a brick has answered. */
export async function takeLock<R>(volume: Volume, wait: boolean, { take, undo }: LockCalls<R>): Promise<R> {
  const first = await volume.ask(volume.up, child => take(child, false));
  const refused = refusal(first);
  const isBusy = first.some(({ code }) => code === 'EAGAIN');
  if (!isBusy && countOf(succeeded(first)) >= volume.k) return answerOf(first);
  await volume.ask(succeeded(first), undo);
  if (refused === undefined) throw noMajority(volume, first);
  if (!wait || !isBusy) throw refused.error;
  let held: Bricks = 0;
  const answers: Answer<R>[] = [];
  for (const index of indexes(volume.up)) {
    const answer = await volume.askOne(index, child => take(child, true));
    answers.push(answer);
    if (answer.code === undefined) held |= brick(index);
    else if (answer.code !== 'ENOTCONN') {
      await volume.ask(held, undo);
      throw answer.error;
    }
  }
  if (countOf(held) >= volume.k) return answerOf(answers);
  await volume.ask(held, undo);
  throw noMajority(volume, answers);
}

/** Gives a lock back on all bricks. */
export async function giveLock<R>(volume: Volume, give: (child: Xlator) => Promise<R>): Promise<R> {
  const answers = await volume.ask(volume.up, give);
  if (succeeded(answers) !== 0) return answerOf(answers);
  const refused = refusal(answers);
  throw refused === undefined ? noMajority(volume, answers) : refused.error;
}

function answerOf<R>(answers: readonly Answer<R>[]): R {
  for (const answer of answers) if (answer.code === undefined) return answer.value;
  throw new FsError('ENOTCONN');
}

/** The refusal that decides: that another owner is in the way, before any other error. */
export function refusal(answers: readonly Answer<unknown>[]): Extract<Answer<unknown>, { error: unknown }> | undefined {
  const refusals = answers.flatMap(answer => (answer.code === undefined || answer.code === 'ENOTCONN' ? [] : [answer]));
  return refusals.find(({ code }) => code === 'EAGAIN') ?? refusals[0];
}
