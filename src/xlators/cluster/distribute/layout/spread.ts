/** How the hashes are divided among the subvolumes when a directory gets its layout. */
import { HASH_MAX, Layout, type Part, rangeOf } from './layout.ts';

/** A subvolume that a new layout may give a range to. */
export interface Candidate {
  readonly name: string;
  /** Whether it has, or will have, a copy of the directory and may get new files. */
  readonly takes: boolean;
  /** Its size, in whatever unit all have; 0 if it is not known. */
  readonly weight: number;
}

export interface Spread {
  /** The hash that the order begins at, so that directories begin at different subvolumes. */
  readonly seed: number;
  readonly commit: number;
  /** At most so many subvolumes get a range; 0 for all. */
  readonly width: number;
  /** Whether larger subvolumes get more. */
  readonly isWeighted: boolean;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The layout of a new directory: the subvolumes in the order of their names, beginning at one that the seed chooses,
 * each with a range as its weight says. Those that take nothing have an empty range. If none takes anything, all do.
 */
export function spread(candidates: readonly Candidate[], { seed, commit, width, isWeighted }: Spread): Layout {
  const isAny = candidates.some(({ takes }) => takes);
  const sorted = candidates.map((one, child) => ({ ...one, child, takes: one.takes || !isAny }));
  sorted.sort((a, b) => compare(a.name, b.name));
  const first = seed % sorted.length;
  const order = [...sorted.slice(first), ...sorted.slice(0, first)].filter(({ takes }) => takes);
  const used = width > 0 && width <= order.length ? order.slice(0, width) : order;

  const isByWeight = isWeighted && used.every(({ weight }) => weight > 0);
  const total = isByWeight ? used.reduce((sum, { weight }) => sum + weight, 0) : used.length;
  const chunk = HASH_MAX / total;
  const parts: Part[] = candidates.map(() => rangeOf(0, 0, commit));
  let start = 0;
  for (const [index, { child, weight }] of used.entries()) {
    const length = Math.floor(chunk * (isByWeight ? weight : 1));
    const stop = index === used.length - 1 ? HASH_MAX : start + length - 1;
    parts[child] = rangeOf(start, stop, commit);
    start += length;
  }
  return new Layout(parts);
}
