/** What a session serves: a graph, with what the kernel knows and has open of it. */
import { HeldLocks } from '../../../graph/fops/held-locks.ts';
import type { Fd } from '../../../graph/inode.ts';
import type { Log } from '../../../log.ts';
import type { Subvolume } from '../../../master/subvolume.ts';
import type { Serving } from './fuse-call.ts';
import { Invalidations } from './invalidations.ts';
import { Nodes } from './nodes.ts';
import { OpenFiles } from './open-files.ts';
import type { FuseOptions } from './options.ts';

/** The graph of a session, and how it is served. */
export interface Below {
  readonly subvolume: Subvolume;
  /** See {@link Nodes}. */
  readonly slot: number;
  readonly options: FuseOptions;
  /** Whether locks are the graph's part; otherwise the kernel keeps those that are taken through this mount. */
  readonly locks: boolean;
  readonly log: Log;
}

/** What stays when another graph takes over. */
export type Lasting = Pick<Serving, 'device' | 'callers' | 'active' | 'answered' | 'interrupt'>;

/** Begins to serve a graph. With `before`, the kernel goes on to use the numbers that it has from another graph. */
export function servingOf({ subvolume, slot, options }: Below, lasting: Lasting, before?: Serving): Serving {
  const { volume, top } = subvolume;
  const { device, callers, active, answered, interrupt } = lasting;
  // A brick tells of an object that another client has changed, and not of its name.
  const nodes = new Nodes(volume.table, slot, top.isRemote, before?.nodes);
  const invalidations = new Invalidations(device, volume.table, nodes, options);
  subvolume.listeners.add(invalidations);
  const served = { ...volume, top: subvolume.topFor(invalidations) };
  const files = new OpenFiles(served, before?.files);
  const locks = new HeldLocks<Fd>();
  return { volume: served, nodes, files, locks, invalidations, options, device, callers, active, answered, interrupt };
}

/** Ends serving a graph: nothing of it is open or known any more. */
export function leave({ subvolume }: Below, { files, nodes, invalidations }: Serving): void {
  subvolume.listeners.remove(invalidations);
  invalidations.clear();
  files.clear();
  nodes.clear();
}
