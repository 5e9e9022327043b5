/** Sets of bricks, as the bits of a number: brick i is bit i. A dispersed volume has at most 31 bricks. */
export type Bricks = number;

export const brick = (index: number): Bricks => 1 << index;

export const has = (bricks: Bricks, index: number): boolean => ((bricks >>> index) & 1) === 1;

export function countOf(bricks: Bricks): number {
  let count = 0;
  for (let left = bricks; left !== 0; left &= left - 1) count++;
  return count;
}

/** The numbers of the bricks in a set, in ascending order. */
export function indexes(bricks: Bricks): number[] {
  const list: number[] = [];
  for (let index = 0; bricks >>> index !== 0; index++) if (has(bricks, index)) list.push(index);
  return list;
}

export const setOf = (list: Iterable<number>): Bricks => {
  let bricks = 0;
  for (const index of list) bricks |= brick(index);
  return bricks;
};
