/** Sets of children as bits of a number, child 0 being the lowest, and which of these sets are a quorum. */

/** A set of children. */
export type Children = number;

export const only = (child: number): Children => 1 << child;
export const allOf = (count: number): Children => (1 << count) - 1;
export const has = (children: Children, child: number): boolean => (children & (1 << child)) !== 0;

export function countOf(children: Children): number {
  let count = 0;
  for (let rest = children; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The children of a set, in their order. */
export function listOf(children: Children): number[] {
  const list: number[] = [];
  for (let rest = children; rest !== 0; rest &= rest - 1) list.push(31 - Math.clz32(rest & -rest));
  return list;
}

export type Quorum = (children: Children) => boolean;

/**
 * Returns what is a quorum of `count` children. `auto` is more than half of them, or exactly half if child 0 is among
 * them; a number is at least so many; `none` is any child at all.
 */
export function quorumOf(count: number, rule: 'auto' | 'none' | number): Quorum {
  if (rule === 'none') return children => children !== 0;
  if (rule !== 'auto') return children => countOf(children) >= rule;
  return children => {
    const doubled = 2 * countOf(children);
    return doubled > count || (doubled === count && has(children, 0));
  };
}
