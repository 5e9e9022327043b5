/** Makes a change on all bricks that have the present content, and decides whether it was made. */
import type { Xlator } from '../../../../graph/xlator.ts';
import { type Bricks, brick, countOf } from '../bricks.ts';
import type { Change } from '../lock/events.ts';
import { Failed, type Held } from '../lock/inode-lock.ts';
import { type Answer, succeeded, type Volume } from '../volume.ts';
import type { Errno } from '../../../../errno.ts';
import { errorWith } from './iatts.ts';
import { type Group, majority, noMajority, type Value } from './majority.ts';

/** After these it is not known whether a brick has made a change, or a part of it. */
const UNSURE = new Set<Errno>(['ENOTCONN', 'EIO', 'EREMOTEIO']);

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
  const made = succeeded(answers);
  const refusals = answers.flatMap(one => (one.code === undefined || UNSURE.has(one.code) ? [] : [one]));
  const unchanged = refusals.reduce((bricks, answer) => bricks | brick(answer.brick), 0);
  const isUnsure = countOf(made) < volume.k && countOf(unchanged) < volume.k;
  const refused = group !== undefined && !isMade;
  if (refused || countOf(unchanged) >= volume.k) {
    // The bricks agree that it fails. One that has made it all the same, or perhaps has, differs from them.
    const missed = held.good & ~(countOf(unchanged) >= volume.k ? unchanged : group!.bricks);
    const error = errorWith(refused ? group.error : refusals[0]!.error, held.size);
    throw new Failed(error, { changed: missed === 0 ? 'nothing' : changed, missed }, isUnsure);
  }
  const missed = held.good & ~made;
  throw new Failed(noMajority(volume, answers), { changed: made === 0 ? 'nothing' : changed, missed }, isUnsure);
}
