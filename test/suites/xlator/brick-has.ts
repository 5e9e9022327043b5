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
  /** Whether a rename takes flags. Otherwise it fails with EINVAL. */
  readonly renameFlags: boolean;
  /** Whether several owners may have a read lock on a name. */
  readonly sharedNameLocks: boolean;
  /** Whether rename can exchange two objects. GlusterFS's protocol cannot, and so no cluster tries. */
  readonly exchanges: boolean;
}

const ALL: BrickHas = {
  locks: true,
  counters: true,
  chosenGfids: true,
  xdata: true,
  openFiles: true,
  renameFlags: true,
  exchanges: true,
  sharedNameLocks: true,
};

const BRICKS: Readonly<Record<string, BrickHas>> = {
  'protocol/client': { ...ALL, renameFlags: false, sharedNameLocks: false },
  'storage/posix': { ...ALL, locks: false, chosenGfids: false, xdata: false, openFiles: false },
  'test/memory': ALL,
};

/** What the bricks below `top` have, which are all of one kind. */
export function brickHas(top: Xlator): BrickHas {
  const types = [...new Set(subtree(top).flatMap(({ type, children }) => (children.length === 0 ? [type] : [])))];
  const has = BRICKS[types[0]!];
  if (types.length !== 1 || has === undefined) throw new Error(`it is not known what ${types.join()} has`);
  const clusters = subtree(top).filter(({ type, children }) => type.startsWith('cluster/') && children.length > 1);
  const isDistributed = clusters.some(({ type }) => /distribute|nufa|switch/.test(type));
  // cluster/distribute has no name replaced, by its locks.
  return {
    ...has,
    renameFlags: has.renameFlags || isDistributed,
    exchanges: has.exchanges && has.renameFlags && clusters.length === 0,
  };
}

/** Whether there are several bricks below `top`. */
export const hasBricks = (top: Xlator): boolean =>
  subtree(top).filter(({ children }) => children.length === 0).length > 1;
