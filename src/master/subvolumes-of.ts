import type { Graph } from '../graph/graph.ts';
import { Master } from './master.ts';
import type { Subvolume } from './subvolume.ts';

/** The subvolumes of all masters of a graph, each once. */
export function subvolumesOf({ tops }: Graph): Subvolume[] {
  const masters = tops.filter(top => top instanceof Master);
  return [...new Set(masters.flatMap(({ subvolumes }) => [...subvolumes.values()]))];
}
