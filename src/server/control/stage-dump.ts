/** Makes a stage's part of a state dump: sections of names and values, as plain data. */
import type { Graph } from '../../graph/graph.ts';
import type { StageStats } from '../stage-messages.ts';
import { type DumpSection, graphDump, LISTED_MAX } from './graph-dump.ts';

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
    ...graphDump(at, graph),
  ];
}
