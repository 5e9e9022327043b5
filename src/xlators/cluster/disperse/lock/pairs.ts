/** Calculations with pairs of counters. */
import type { Change, Pair } from './events.ts';

export const NONE: Pair = [0, 0];
export const pairOf = (change: Change): Pair => (change === 'data' ? [1, 1] : change === 'metadata' ? [0, 1] : NONE);
export const larger = (a: Pair, b: Pair): Pair => [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
export const minus = (a: Pair, b: Pair): Pair => [a[0] - b[0], a[1] - b[1]];
export const isZero = ([data, metadata]: Pair): boolean => data === 0 && metadata === 0;
