import { hostPort } from '../../rpc/address.ts';
import type { Server } from '../server.ts';
import type { StateDump } from './dump.ts';
import type { DumpSection } from './graph-dump.ts';

/** What the state dump of a server has: the programs and all stages. */
export async function serverDump(server: Server, version: string): Promise<StateDump> {
  const { address, startedAt, config, text } = server;
  const stages = await server.dump();
  return {
    dir: config.stateDir,
    version,
    process: {
      address: hostPort(address.address, address.port),
      'started-at': startedAt.toISOString(),
      volfile: config.file,
      stages: config.stages,
    },
    sections: [programSection(server), ...stages.flat()],
    volfile: text,
  };
}

function programSection({ ports }: Server): DumpSection {
  const programs = [...ports].map(({ name, program, version, netid, port }) => [
    `${program}.${version}.${netid}`,
    `${name} port ${port}`,
  ]);
  return ['programs', Object.fromEntries(programs)];
}
