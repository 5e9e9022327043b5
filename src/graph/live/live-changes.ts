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

const shapeOf = ({ stanza: { name, type, subvolumes }, xlatorClass }: PlannedVolume) => [
  name,
  type,
  ...subvolumes.map(subvolume => subvolume.name),
  ...(xlatorClass.usesChildNames === true ? subvolumes.map(({ name, writtenName }) => writtenName ?? name) : []),
];

/**
 * Gives the volumes of `next` the values of `plan` for the options that are read at the start of the server only, so that
 * no part of a new graph goes by a new value before the server is started again.
 */
export function keepStartOptions(plan: Plan, next: Plan): void {
  for (const { stanza, xlatorClass, read } of next.volumes) {
    const before = plan.volumes.find(volume => volume.stanza.name === stanza.name);
    if (before?.xlatorClass !== xlatorClass) continue;
    const values = read.values as Record<string, unknown>;
    for (const [name, { effect }] of Object.entries(xlatorClass.options ?? {})) {
      if (effect === 'start') values[name] = before.read.values[name];
    }
  }
}
