/** What several bricks say together: an answer holds if as many bricks give it as are needed to hold the data. */
import { type Errno, errnoOf, FsError } from '../../../../errno.ts';
import { type Bricks, brick, countOf, has } from '../bricks.ts';
import type { Answer, Volume } from '../volume.ts';
import type { Xlator } from '../../../../graph/xlator.ts';

/** The answer of one brick that is not an error. */
export interface Value<R> {
  readonly brick: number;
  readonly value: R;
}

/** Bricks that give the same answer: values, or one error. */
export interface Group<R> {
  readonly bricks: Bricks;
  readonly values: readonly Value<R>[];
  readonly error: unknown;
}

type Forming<R> = { bricks: Bricks; readonly values: Value<R>[]; readonly error: unknown };

/** A brick says that an object is gone by either of these. */
const GONE = new Set<Errno>(['ENOENT', 'ESTALE']);

/**
 * The answer that at least `k` bricks give. Two values are the same answer if their keys are. A brick that is not
 * connected answers nothing.
 */
export function majority<R>(
  k: number,
  answers: readonly Answer<R>[],
  keyOf: (value: R) => string,
): Group<R> | undefined {
  const groups = new Map<string, Forming<R>>();
  for (const answer of answers) {
    const { brick: index, code } = answer;
    if (code === 'ENOTCONN') continue;
    const key = code === undefined ? keyOf(answer.value) : `error ${GONE.has(code) ? 'GONE' : code}`;
    const group = groups.get(key) ?? { bricks: 0, values: [], error: code === undefined ? undefined : answer.error };
    group.bricks |= brick(index);
    if (code === undefined) group.values.push({ brick: index, value: answer.value });
    groups.set(key, group);
  }
  for (const group of groups.values()) if (countOf(group.bricks) >= k) return group;
  return undefined;
}

/**
 * The error if no answer is given by enough bricks: too few are connected, or they contradict each other. While a brick
 * is away it may be the one that decides between the others, so that the error must not be one for good.
 */
export function noMajority({ k, n, name }: Volume, answers: readonly Answer<unknown>[]): FsError {
  const connected = answers.filter(({ code }) => code !== 'ENOTCONN').length;
  if (connected < k)
    return new FsError('ENOTCONN', `ENOTCONN: only ${connected} of the ${k} bricks that ${name} needs are connected`);
  return connected < n
    ? new FsError('ENOTCONN', `ENOTCONN: fewer than ${k} of the connected bricks of ${name} agree`)
    : new FsError('EIO', `EIO: fewer than ${k} bricks of ${name} agree`);
}

/** The error if too few bricks have answered with a value: the one that enough of them agree on, if there is one. */
export function refusalOf(volume: Volume, answers: readonly Answer<unknown>[]): Errno {
  const refusals = answers.filter(({ code }) => code !== undefined);
  return errnoOf(majority(volume.k, refusals, () => '')?.error) ?? noMajority(volume, answers).code;
}

/**
 * Asks as many bricks as are needed, in the order given, and the others only if those do not agree. Returns all
 * answers.
 */
export async function askEnough<R>(
  volume: Volume,
  order: readonly number[],
  call: (child: Xlator, index: number) => Promise<R>,
  keyOf: (value: R) => string,
): Promise<readonly Answer<R>[]> {
  const up = order.filter(index => has(volume.up, index));
  const first = await Promise.all(up.slice(0, volume.k).map(index => volume.askOne(index, call)));
  if (majority(volume.k, first, keyOf) !== undefined) return first;
  const rest = await Promise.all(up.slice(volume.k).map(index => volume.askOne(index, call)));
  return [...first, ...rest];
}

/** As {@link askEnough}, and returns the values that the bricks agree on. @throws the error that they agree on */
export async function agreed<R>(
  volume: Volume,
  order: readonly number[],
  call: (child: Xlator, index: number) => Promise<R>,
  keyOf: (value: R) => string,
): Promise<readonly Value<R>[]> {
  const answers = await askEnough(volume, order, call, keyOf);
  const group = majority(volume.k, answers, keyOf);
  if (group === undefined) throw noMajority(volume, answers);
  if (group.values.length === 0) throw group.error;
  return group.values;
}
