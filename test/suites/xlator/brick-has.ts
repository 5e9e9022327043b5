import { subtree } from '#src/graph/subtree.ts';
import type { Xlator } from '#src/graph/xlator.ts';

/** What not every brick has. What a brick has must work through all layers; what it lacks is EOPNOTSUPP. */
export interface BrickHas {
  readonly locks: boolean;
  readonly counters: boolean;
  /** The gfid of a new object may be chosen. Otherwise the class says `namesItself`. */
  readonly chosenGfids: boolean;
  /** It answers xdata, of which it would otherwise take no notice. */
  readonly xdata: boolean;
  /** It knows what an fd was opened for. Otherwise only the caller's rights matter. */
  readonly openFiles: boolean;
}

const BRICKS: Readonly<Record<string, BrickHas>> = {
  'storage/posix': { locks: false, counters: true, chosenGfids: false, xdata: false, openFiles: false },
  'test/memory': { locks: true, counters: true, chosenGfids: true, xdata: true, openFiles: true },
};

/** What the brick below `top` has. */
export function brickHas(top: Xlator): BrickHas {
  const types = subtree(top).flatMap(({ type, children }) => (children.length === 0 ? [type] : []));
  const has = BRICKS[types[0]!];
  if (types.length !== 1 || has === undefined) throw new Error(`it is not known what ${types.join()} has`);
  return has;
}
