/** Makes a stage's part of a state dump: sections of names and values, as plain data. */
import { FileType } from '../../graph/iatt.ts';
import type { Graph } from '../../graph/graph.ts';
import type { DumpValues } from '../../graph/xlator.ts';
import type { Subvolume } from '../../master/subvolume.ts';
import { subvolumesOf } from '../../master/subvolumes-of.ts';
import type { StageStats } from '../stage-messages.ts';

export type DumpSection = readonly [title: string, values: DumpValues];

/** How many clients and inodes are listed; the others are only counted. */
const LISTED_MAX = 1000;

const TYPES = new Map(Object.entries(FileType).map(([name, type]) => [type, name]));

export function stageDump(stats: StageStats, graph: Graph): DumpSection[] {
  const { stage, connections, clients, replies } = stats;
  const { callsUnderWay, heapBytes, bufferBytes } = stats.graph;
  const at = `stage.${stage}`;
  const listed = clients
    .slice(0, LISTED_MAX)
    .map((client): DumpSection => [
      `${at}.client.${client.address}`,
      { connections: client.connections, 'calls-under-way': client.callsUnderWay },
    ]);
  return [
    [
      at,
      {
        connections,
        clients: clients.length,
        'calls-under-way': callsUnderWay,
        'heap-bytes': heapBytes,
        'buffer-bytes': bufferBytes,
      },
    ],
    [
      `${at}.reply-cache`,
      { kept: replies.kept, bytes: replies.bytes, 'bytes-max': replies.bytesMax, hits: replies.hits },
    ],
    ...listed,
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
