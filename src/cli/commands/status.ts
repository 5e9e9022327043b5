import type { FopReport, StatusReport, VolumeReport } from '../../server/control/report.ts';
import { command } from './command.ts';
import { ask, WHICH_OPTIONS } from '../control-client.ts';
import { EXIT } from '../failure.ts';
import { bytes, duration, printable, table } from '../table.ts';

export const status = command({
  options: WHICH_OPTIONS,
  examples: [
    ['bricknfs status', 'asks the only running server'],
    ['bricknfs status --port 3049 --json', 'asks the server on that port, prints JSON'],
  ],

  async run(args) {
    const found = await ask<StatusReport>(args, 'status');
    process.stdout.write(args.json ? `${JSON.stringify(found, undefined, 2)}\n` : statusText(found));
    return EXIT.OK;
  },
});

export function statusText(status: StatusReport): string {
  const { address, pid, version, uptimeSeconds, volfile, memory } = status;
  const parts = [
    `bricknfs ${version} on ${address}, process ${pid}, up ${duration(uptimeSeconds)}, ${volfile}\n` +
      `memory ${bytes(memory.rssBytes)}, with heap ${bytes(memory.heapBytes)}, buffers ${bytes(memory.bufferBytes)}\n`,
    table(
      ['PROGRAM', 'NUMBER', 'VERSION', 'TRANSPORT', 'PORT'],
      status.programs.map(({ name, program, version, netid, port }) => [name, program, version, netid, port]),
    ),
    table(
      ['STAGE', 'CONNECTIONS', 'CALLS UNDER WAY', 'REPLIES KEPT', 'SENT AGAIN', 'HEAP', 'BUFFERS'],
      status.stages.map(one => [
        one.stage,
        one.connections,
        one.callsUnderWay,
        bytes(one.replies.bytes),
        one.replies.hits,
        bytes(one.heapBytes),
        bytes(one.bufferBytes),
      ]),
    ),
    ...status.stages.flatMap(({ stage, silentMs }) =>
      silentMs === undefined ? [] : [`stage ${stage} has not answered for ${(silentMs / 1000).toFixed(1)} s\n`],
    ),
    ...status.hangs.map(
      ({ brick, since }) =>
        `the file system of ${brick} has not answered since ${since}: its clients are told to try again later\n`,
    ),
    ...status.troubles.map(trouble => `${printable(trouble)}\n`),
    status.clients.length === 0
      ? 'no client is connected\n'
      : table(
          ['CLIENT', 'STAGE', 'CONNECTIONS', 'CALLS UNDER WAY'],
          status.clients.map(one => [one.address, one.stage, one.connections, one.callsUnderWay]),
        ),
    ...status.volumes.map(volumeText),
  ];
  return parts.join('\n');
}

function volumeText({ name, up, troubles, inodes, io }: VolumeReport): string {
  const head = `volume ${name} is ${up ? 'up' : 'down'}: ${inodes.inodes} inodes in memory, ${inodes.inUse} in use\n`;
  const counters = io.map(({ xlator, bytesRead, bytesWritten, fops }) => {
    const sums = `${xlator}: ${bytes(bytesRead)} read, ${bytes(bytesWritten)} written\n`;
    return fops.length === 0 ? sums : sums + fopTable(fops);
  });
  return [head, ...troubles.map(trouble => `${printable(trouble)}\n`), ...counters].join('');
}

function fopTable(fops: readonly FopReport[]): string {
  const head = ['FOP', 'CALLS', 'ERRORS', 'UNDER WAY', 'MEAN µs', 'P50 µs', 'P99 µs', 'MAX µs'];
  const rows = fops.map(({ fop, calls, errors, underWay, usMean, usP50, usP99, usMax }) => [
    fop,
    calls,
    errors,
    underWay,
    usMean,
    usP50,
    usP99,
    usMax,
  ]);
  return table(head, rows);
}
