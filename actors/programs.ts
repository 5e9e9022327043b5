/** The RPC programs that a server serves. */
import type { Xlator } from '#src/graph/xlator.ts';
import type { Call, Program } from '#src/rpcsvc/actor.ts';
import type { PortTable } from '#src/rpc/port-table.ts';
import { ServedNfsCall } from '#src/xlators/nfs/server/served-nfs-call.ts';
import { NfsServer } from '#src/xlators/nfs/server/nfs-server.ts';
import { ServedMountCall } from '#src/xlators/nfs/server/mount/served-mount-call.ts';
import { mount1 } from './mount1/program.ts';
import { mount2 } from './mount2/program.ts';
import { mount3 } from './mount3/program.ts';
import { nfs3Program } from './nfs3/program.ts';
import { nlm4 } from './nlm4/program.ts';
import { portmap2 } from './portmap/portmap2.ts';
import { rpcbind3, rpcbind4 } from './portmap/rpcbind.ts';

/** The programs that serve the exports of `nfs/server`. */
export function programsOf(server: Xlator): Program[] {
  if (!(server instanceof NfsServer)) return [];
  const mountCall = (call: Call, ending?: AbortSignal) => new ServedMountCall(server, call, ending);
  const mounts = [mount3(mountCall), mount2(mountCall), mount1(mountCall)];
  const programs = [nfs3Program(call => new ServedNfsCall(server, call)), ...mounts];
  return server.settings['nfs.nlm'] ? [...programs, nlm4(server.peerLog)] : programs;
}

/** The programs of the built-in portmapper. */
export function portmapPrograms(ports: PortTable): Program[] {
  return [portmap2(ports), rpcbind3(ports), rpcbind4(ports)];
}
