import { randomInt } from 'node:crypto';
import type { ToldNames } from './told-names.ts';

/** What a child has told up to a position. */
export interface Told {
  readonly names: ToldNames;
  readonly position: bigint;
}

/** A listing that has gone on from another child: it lists that from its start, without what was told before. */
export interface Continued {
  /** Its number in cookies. */
  readonly id: number;
  readonly child: number;
  readonly told: readonly Told[];
  /** The cookie with which the child before could not go on. All listings that come with it go on in the same way. */
  readonly since: bigint;
  /** From the first of these positions to the second one there is nothing that was not told before. */
  passed: readonly [bigint, bigint];
}

export const NOTHING: Continued['passed'] = [0n, 0n];
/** How many numbers there are. 0 stands for a listing that is where it began. */
export const NUMBERS = 4096;
/** How many a directory has at most. Most numbers are free, so that a number that was forgotten is seldom that of another. */
const CONTINUED_MAX = 256;

/** Has a listing go on from a child, or finds the one that does. */
export function continuedOf(
  all: Map<number, Continued>,
  since: bigint,
  child: number,
  told: readonly Told[],
): Continued {
  for (const one of all.values()) if (one.since === since && one.child === child) return one;
  let id: number;
  do id = randomInt(1, NUMBERS);
  while (all.has(id));
  if (all.size === CONTINUED_MAX) all.delete(all.keys().next().value!);
  const made: Continued = { id, child, told, since, passed: NOTHING };
  all.set(id, made);
  return made;
}

export const isTold = ({ told }: Continued, name: string): boolean =>
  told.some(({ names, position }) => names.has(name, position));
