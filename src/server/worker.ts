/** A stage in a thread of its own: what the main thread tells it, and what it asks of the main thread. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { makeLog } from '../log.ts';
import type { Program } from '../rpcsvc/actor.ts';
import type { Accepted } from '../rpcsvc/listener.ts';
import type { MountEntry, MountTable } from '../xlators/nfs/server/mount-table.ts';
import type { NfsServer } from '../xlators/nfs/server/server.ts';
import { WriteVerifier } from '../xlators/nfs/server/verifier.ts';
import type { ServerConfig } from './config.ts';
import { Link } from './link.ts';
import { ServerStage, type StageStats } from './stage.ts';

/** What a worker is started with. */
export interface WorkerInput {
  readonly stage: number;
  readonly config: ServerConfig;
  readonly handleKey: Uint8Array;
  readonly verifier: SharedArrayBuffer;
}

/** Runs this thread as a stage, until the main thread stops it. */
export async function runWorker(programsOf: (server: NfsServer) => Program[]): Promise<void> {
  const { stage: number, config, handleKey, verifier } = workerData as WorkerInput;
  const log = makeLog(config.log).child({ stage: number });
  const started = Promise.withResolvers<ServerStage>();
  const port = parentPort!;
  const link: Link = new Link(port, {
    started: () => started.promise.then(() => {}),
    accept: async (accepted: Accepted) => (await started.promise).accept(accepted),
    stats: async () => (await started.promise).stats(),
    prepare: async (text: string) => (await started.promise).prepare(text),
    decide: async (go: boolean) => (await started.promise).decide(go),
    stop: async () => {
      await (await started.promise).stop();
      setImmediate(() => port.close());
    },
  });
  const mounts: MountTable = {
    add: (host, path) => link.tell('mountAdd', { host, path }),
    remove: (host, path) => link.tell('mountRemove', { host, path }),
    removeHost: host => link.tell('mountRemoveHost', host),
    list: () => link.call<readonly MountEntry[]>('mountList'),
  };
  const host = { handleKey: Buffer.from(handleKey), verifier: new WriteVerifier(verifier), mounts, programsOf };
  ServerStage.start(number, config, host, log).then(started.resolve, started.reject);
  await started.promise.catch(() => {}); // the main thread is told, and ends this one
}

/** A stage as the main thread sees it, here or in a worker. */
export interface RemoteStage {
  accept(accepted: Accepted): void;
  stats(): Promise<StageStats> | StageStats;
  prepare(text: string): Promise<void>;
  decide(go: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a worker and waits until its stage is up. `entry` is the module that calls {@link runWorker}. */
export async function startWorker(
  entry: URL,
  input: WorkerInput,
  mounts: MountTable,
  died: (error: Error) => void,
): Promise<RemoteStage> {
  const worker = new Worker(entry, { workerData: input, trackUnmanagedFds: false, name: `stage ${input.stage}` });
  const link = new Link(worker, {
    mountAdd: ({ host, path }: MountEntry) => mounts.add(host, path),
    mountRemove: ({ host, path }: MountEntry) => mounts.remove(host, path),
    mountRemoveHost: (host: string) => mounts.removeHost(host),
    mountList: () => mounts.list(),
  });
  let stopping = false;
  const gone = (error: Error) => {
    link.close(error);
    if (!stopping) died(error);
  };
  worker.on('error', cause => gone(new Error(`stage ${input.stage} failed`, { cause })));
  const exited = new Promise<void>(resolve => {
    worker.once('exit', () => {
      gone(new Error(`stage ${input.stage} has ended`));
      resolve();
    });
  });
  try {
    await link.call('started');
  } catch (error) {
    stopping = true;
    await worker.terminate();
    throw error;
  }
  return {
    accept: accepted => link.tell('accept', accepted),
    stats: () => link.call('stats'),
    prepare: text => link.call('prepare', text),
    decide: go => link.call('decide', go),
    async stop() {
      stopping = true;
      await link.call('stop').catch(() => {});
      await exited;
    },
  };
}
