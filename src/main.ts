#!/usr/bin/env node
/** The one file that knows all parts: the command line in the main thread, a stage of the server in a worker. */
import { isMainThread } from 'node:worker_threads';
import { mount1 } from '#actors/mount1/program.ts';
import { mount2 } from '#actors/mount2/program.ts';
import { mount3 } from '#actors/mount3/program.ts';
import { nfs3Program } from '#actors/nfs3/program.ts';
import { nlm4 } from '#actors/nlm4/program.ts';
import { portmap2 } from '#actors/portmap/portmap2.ts';
import { rpcbind3, rpcbind4 } from '#actors/portmap/rpcbind.ts';
import type { Call, Program } from './rpcsvc/actor.ts';
import type { PortTable } from './rpcsvc/portmap/table.ts';
import { runWorker } from './server/worker.ts';
import { dropReserve } from './sys/capabilities.ts';
import { ServedNfsCall } from './xlators/nfs/server/nfs-call.ts';
import type { NfsServer } from './xlators/nfs/server/server.ts';
import { ServedMountCall } from './xlators/nfs/server/served-mount-call.ts';

function programsOf(server: NfsServer): Program[] {
  const mountCall = (call: Call) => new ServedMountCall(server, call);
  const mounts = [mount3(mountCall), mount2(mountCall), mount1(mountCall)];
  const programs = [nfs3Program(call => new ServedNfsCall(server, call)), ...mounts];
  return server.settings['nfs.nlm'] ? [...programs, nlm4(server.serverLog)] : programs;
}

function portmapPrograms(ports: PortTable): Program[] {
  return [portmap2(ports), rpcbind3(ports), rpcbind4(ports)];
}

if (isMainThread) {
  dropReserve(); // before the thread pool's threads are born, which keep what there is then
  const { exactArguments } = await import('./cli/exact-arguments.ts');
  const { runCli } = await import('./cli/run.ts'); // not in the workers, which have no use for it
  process.stdout.on('error', () => {}); // nobody reads any more: no reason to end a server
  const parts = { programsOf, portmapPrograms, workerEntry: new URL(import.meta.url) };
  process.exitCode = await runCli(exactArguments(process.argv.slice(2)), parts);
} else {
  await runWorker(programsOf);
}
