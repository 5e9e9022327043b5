import { isDeepStrictEqual } from 'node:util';
import type { Plan, PlannedVolume } from '../plan.ts';

/**
 * Whether a graph that runs `plan` can become one of `next` as it runs: the volumes are the same, and options differ only
 * if they are live, or are read at the start of the server and nowhere else.
 */
export function differsOnlyLive(plan: Plan, next: Plan): boolean {
  return (
    plan.volumes.length === next.volumes.length &&
    plan.volumes.every((volume, i) => isSameLayer(volume, next.volumes[i]!))
  );
}

function isSameLayer(one: PlannedVolume, other: PlannedVolume): boolean {
  return (
    one.xlatorClass === other.xlatorClass && // a user's xlator that was edited is another class
    one.readOnlyBy?.name === other.readOnlyBy?.name &&
    isDeepStrictEqual(shapeOf(one), shapeOf(other)) &&
    Object.entries(one.xlatorClass.options ?? {}).every(
      ([name, { effect = 'reload' }]) =>
        effect !== 'reload' || isDeepStrictEqual(one.read.values[name], other.read.values[name]),
    )
  );
}

const shapeOf = ({ stanza: { name, type, subvolumes } }: PlannedVolume) => [
  name,
  type,
  ...subvolumes.map(subvolume => subvolume.name),
];
