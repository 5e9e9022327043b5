import { subtree } from '#src/graph/subtree.ts';
import type { Xlator } from '#src/graph/xlator.ts';

/** What not every brick has. If a brick has it, it must work through all layers, and otherwise fail with EOPNOTSUPP. */
export interface BrickHas {
  readonly locks: boolean;
  readonly counters: boolean;
  /** Whether the gfid of a new object may be chosen. Otherwise the class says `namesItself`. */
  readonly chosenGfids: boolean;
  /** Whether the brick answers xdata. Otherwise it ignores them. */
  readonly xdata: boolean;
  /** Whether the brick knows what an fd was opened for. Otherwise only the caller's rights matter. */
  readonly openFiles: boolean;
}

const BRICKS: Readonly<Record<string, BrickHas>> = {
  'storage/posix': { locks: false, counters: true, chosenGfids: false, xdata: false, openFiles: false },
  'test/memory': { locks: true, counters: true, chosenGfids: true, xdata: true, openFiles: true },
};

/** What the bricks below `top` have, which are all of one kind. */
export function brickHas(top: Xlator): BrickHas {
  const types = [...new Set(subtree(top).flatMap(({ type, children }) => (children.length === 0 ? [type] : [])))];
  const has = BRICKS[types[0]!];
  if (types.length !== 1 || has === undefined) throw new Error(`it is not known what ${types.join()} has`);
  return has;
}
