/** Makes a change on all bricks that have the present content, and decides whether it was made. */
import type { Xlator } from '../../../../graph/xlator.ts';
import { type Bricks, countOf } from '../bricks.ts';
import type { Change } from '../lock/events.ts';
import { Failed, type Held } from '../lock/inode-lock.ts';
import { type Answer, succeeded, type Volume } from '../volume.ts';
import { errorWith } from './iatts.ts';
import { type Group, majority, noMajority, type Value } from './majority.ts';

/** A change that was made by enough bricks. */
export interface Changed<R> {
  readonly values: readonly Value<R>[];
  /** Bricks that have not made it, or of which it is not known. */
  readonly missed: Bricks;
}

/**
 * Makes the change on all good bricks, and on those that are being healed if it is one of the data.
 * @throws {Failed} with the error that enough bricks agree on, or one that says that they do not
 */
export async function change<R>(
  volume: Volume,
  held: Held,
  changed: Change,
  call: (child: Xlator, index: number) => Promise<R>,
  keyOf: (value: R) => string = () => '',
): Promise<Changed<R>> {
  const healing = changed === 'data' ? held.healing : 0;
  const all = await volume.ask(held.good | healing, call);
  const answers = all.filter(({ brick }) => ((held.good >>> brick) & 1) === 1);
  return decided(volume, held, changed, answers, keyOf);
}

function decided<R>(
  volume: Volume,
  held: Held,
  changed: Change,
  answers: readonly Answer<R>[],
  keyOf: (value: R) => string,
): Changed<R> {
  const group: Group<R> | undefined = majority(volume.k, answers, keyOf);
  const isMade = group !== undefined && group.values.length > 0;
  const quorum = volume.settings()['quorum-count'];
  if (isMade && countOf(group.bricks) >= quorum) return { values: group.values, missed: held.good & ~group.bricks };
  if (group !== undefined && !isMade) {
    // The bricks agree that it fails. One that has made it all the same, or perhaps has, differs from them.
    const missed = held.good & ~group.bricks;
    throw new Failed(errorWith(group.error, held.size), { changed: missed === 0 ? 'nothing' : changed, missed });
  }
  const made = succeeded(answers);
  throw new Failed(noMajority(volume, answers), {
    changed: made === 0 ? 'nothing' : changed,
    missed: held.good & ~made,
  });
}
