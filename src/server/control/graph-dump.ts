/** Makes the part of a state dump about a graph: sections of names and values, as plain data. */
import { FileType } from '../../graph/iatt.ts';
import type { Graph } from '../../graph/graph.ts';
import type { DumpValues } from '../../graph/xlator.ts';
import type { Subvolume } from '../../master/subvolume.ts';
import { subvolumesOf } from '../../master/subvolumes-of.ts';

export type DumpSection = readonly [title: string, values: DumpValues];

/** How many clients and inodes are listed; the others are only counted. */
export const LISTED_MAX = 1000;

const TYPES = new Map(Object.entries(FileType).map(([name, type]) => [type, name]));

/** Each layer of a graph and each inode table. @param at what the titles begin with */
export function graphDump(at: string, graph: Graph): DumpSection[] {
  return [
    ...[...graph.xlators.values()].map((xlator): DumpSection => {
      const subvolumes = xlator.children.map(({ name }) => name).join(' ');
      return [`${at}.xlator.${xlator.name}`, { type: xlator.type, where: xlator.where, subvolumes, ...xlator.dump() }];
    }),
    ...subvolumesOf(graph).map(subvolume => tableDump(at, subvolume)),
  ];
}

function tableDump(at: string, { name, up, volume: { table } }: Subvolume): DumpSection {
  const { inodes, inUse, limit, purged, cyclesRefused } = table.stats();
  const sample = table.sample(LISTED_MAX).map((inode, i) => {
    const { gfid, type, refs, nlookup, path } = inode;
    return [`inode.${i + 1}`, `gfid=${gfid} type=${TYPES.get(type)} refs=${refs} nlookup=${nlookup} path=${path}`];
  });
  return [
    `${at}.inode-table.${name}`,
    { up, inodes, 'in-use': inUse, limit, purged, 'cycles-refused': cyclesRefused, ...Object.fromEntries(sample) },
  ];
}
