/** Runs a stage in a thread of its own, with the messages between it and the main thread. */
import { existsSync, readlinkSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { WatchMemory } from '../graph/live/brick-watch.ts';
import { makeLog } from '../log.ts';
import type { Sender } from '../rpcsvc/udp/datagram.ts';
import type { Accepted } from '../rpcsvc/listener.ts';
import type { MountEntry } from '../xlators/nfs/server/mount/mount-entry.ts';
import type { MountTable } from '../xlators/nfs/server/mount/mount-table.ts';
import type { HostParts } from '../master/host.ts';
import type { FuseHostParts } from '../xlators/mount/fuse/fuse-host.ts';
import { WriteVerifiers } from '../master/write-verifiers.ts';
import type { ServerConfig } from './config.ts';
import { ThreadCalls } from './thread-calls.ts';
import type { ObjectQuestion } from './control/object.ts';
import type { DumpSection } from './control/graph-dump.ts';
import { NfsHost, type NfsHostParts } from '../xlators/nfs/server/nfs-host.ts';
import { ServerStage } from './stage.ts';
import type { NewVolfile, Started } from './stage-messages.ts';

/** What a worker is started with. */
export interface WorkerInput {
  readonly stage: number;
  readonly config: ServerConfig;
  readonly handleKey: Uint8Array;
  readonly verifiers: SharedArrayBuffer;
  readonly watch: WatchMemory;
}

export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Sender;
}

/** What the stages have in common and give to the masters of their graphs, of whatever kind these are. */
class ServerHost extends NfsHost implements FuseHostParts {
  readonly fuseActors: FuseHostParts['fuseActors'];

  constructor(parts: NfsHostParts & FuseHostParts) {
    super(parts);
    this.fuseActors = parts.fuseActors;
  }
}

/** Runs this thread as a stage, until the main thread stops it. */
export async function runWorker(
  programsOf: HostParts['programsOf'],
  fuseActors: FuseHostParts['fuseActors'],
): Promise<void> {
  const { stage: number, config, handleKey, verifiers, watch } = workerData as WorkerInput;
  const log = makeLog(config.log).child({ stage: number });
  const started = Promise.withResolvers<ServerStage>();
  const port = parentPort!;
  const calls: ThreadCalls = new ThreadCalls(port, {
    started: async (): Promise<Started> => {
      const stage = await started.promise;
      return { programs: stage.programs, stats: stage.stats() };
    },
    accept: async (accepted: Accepted) => (await started.promise).accept(accepted),
    spare: async (address: string) => (await started.promise).spare(address),
    datagram: async ({ bytes, from }: Datagram) => copied(await (await started.promise).answer(bytes, from)),
    objectAt: async (question: ObjectQuestion) => (await started.promise).objectAt(question),
    stats: async () => (await started.promise).stats(),
    dump: async (): Promise<DumpSection[]> => (await started.promise).dump(),
    prepare: async (next: NewVolfile) => (await started.promise).prepare(next),
    commit: async () => (await started.promise).commit(),
    drop: async () => (await started.promise).drop(),
    stop: async () => {
      try {
        await (await started.promise).stop();
      } finally {
        setImmediate(() => port.close()); // also if the stage could not start, or was given up meanwhile
      }
    },
  });
  if (existsSync('/proc/thread-self')) calls.tell('thread', readlinkSync('/proc/thread-self'));
  const mounts: MountTable = {
    add: (host, path, overUdp) => calls.tell('mountAdd', { host, path, overUdp }),
    remove: (host, path, overUdp) => calls.tell('mountRemove', { host, path, overUdp }),
    removeHost: (host, overUdp) => calls.tell('mountRemoveHost', { host, overUdp }),
    list: () => calls.call<readonly MountEntry[]>('mountList'),
  };
  const host = new ServerHost({
    handleKey: Buffer.from(handleKey),
    verifiers: new WriteVerifiers(verifiers),
    mounts,
    programsOf,
    fuseActors,
  });
  const left = (address: string) => calls.tell('left', address);
  ServerStage.start({ number, config, host, left, watch, log }).then(started.resolve, started.reject);
  await started.promise.catch(() => {}); // the main thread is told, and ends this one
}

/** Copies the bytes, since a view would be posted with all of the memory that it is a part of. */
export function copied(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : new Uint8Array(bytes);
}
