/** A stage in a thread of its own: what the main thread tells it, and what it asks of the main thread. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { makeLog } from '../log.ts';
import type { Program } from '../rpcsvc/actor.ts';
import type { Answer, Sender } from '../rpcsvc/datagram.ts';
import type { Accepted } from '../rpcsvc/listener.ts';
import type { MountEntry, MountTable } from '../xlators/nfs/server/mount-table.ts';
import type { NfsServer } from '../xlators/nfs/server/server.ts';
import { WriteVerifier } from '../xlators/nfs/server/verifier.ts';
import { within } from '../within.ts';
import type { ServerConfig } from './config.ts';
import { Link } from './link.ts';
import type { ObjectQuestion, ObjectReport } from './object.ts';
import type { DumpSection } from './stage-dump.ts';
import { type ServedProgram, ServerStage, type StageStats } from './stage.ts';

/** What a worker is started with. */
export interface WorkerInput {
  readonly stage: number;
  readonly config: ServerConfig;
  readonly handleKey: Uint8Array;
  readonly verifier: SharedArrayBuffer;
}

interface Started {
  readonly programs: readonly ServedProgram[];
  readonly stats: StageStats;
}

interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: Sender;
}

/** Runs this thread as a stage, until the main thread stops it. */
export async function runWorker(programsOf: (server: NfsServer) => Program[]): Promise<void> {
  const { stage: number, config, handleKey, verifier } = workerData as WorkerInput;
  const log = makeLog(config.log).child({ stage: number });
  const started = Promise.withResolvers<ServerStage>();
  const port = parentPort!;
  const link: Link = new Link(port, {
    started: async (): Promise<Started> => {
      const stage = await started.promise;
      return { programs: stage.programs, stats: stage.stats() };
    },
    accept: async (accepted: Accepted) => (await started.promise).accept(accepted),
    spare: async (address: string) => (await started.promise).spare(address),
    datagram: async ({ bytes, from }: Datagram) => copied(await (await started.promise).answer(bytes, from)),
    objectAt: async (question: ObjectQuestion) => (await started.promise).objectAt(question),
    stats: async () => (await started.promise).stats(),
    dump: async () => (await started.promise).dump(),
    prepare: async (text: string) => (await started.promise).prepare(text),
    decide: async (go: boolean) => (await started.promise).decide(go),
    stop: async () => {
      await (await started.promise).stop();
      setImmediate(() => port.close());
    },
  });
  const mounts: MountTable = {
    add: (host, path, overUdp) => link.tell('mountAdd', { host, path, overUdp }),
    remove: (host, path, overUdp) => link.tell('mountRemove', { host, path, overUdp }),
    removeHost: (host, overUdp) => link.tell('mountRemoveHost', { host, overUdp }),
    list: () => link.call<readonly MountEntry[]>('mountList'),
  };
  const host = {
    handleKey: Buffer.from(handleKey),
    verifier: new WriteVerifier(verifier),
    mounts,
    programsOf,
    left: (address: string) => link.tell('left', address),
  };
  ServerStage.start(number, config, host, log).then(started.resolve, started.reject);
  await started.promise.catch(() => {}); // the main thread is told, and ends this one
}

/** Without the rest of the memory that it may be a part of, which would be posted as well. */
function copied(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : new Uint8Array(bytes);
}

/** A stage as the main thread sees it. */
export interface RemoteStage {
  readonly programs: readonly ServedProgram[];
  readonly answer: Answer;
  accept(accepted: Accepted): void;
  /** Closes the connection of `address` that can best be spared. */
  spare(address: string): void;
  objectAt(question: ObjectQuestion): Promise<ObjectReport>;
  stats(): Promise<StageStats>;
  /** Its part of a state dump. */
  dump(): Promise<DumpSection[]>;
  prepare(text: string): Promise<void>;
  decide(go: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a worker and waits until its stage is up. `entry` is the module that calls {@link runWorker}. */
export async function startWorker(
  entry: URL,
  input: WorkerInput,
  mounts: MountTable,
  left: (address: string) => void,
  died: (error: Error) => void,
): Promise<RemoteStage> {
  const worker = new Worker(entry, { workerData: input, trackUnmanagedFds: false, name: `stage ${input.stage}` });
  const link = new Link(worker, {
    mountAdd: ({ host, path, overUdp }: MountEntry) => mounts.add(host, path, overUdp),
    mountRemove: ({ host, path, overUdp }: MountEntry) => mounts.remove(host, path, overUdp),
    mountRemoveHost: ({ host, overUdp }: Omit<MountEntry, 'path'>) => mounts.removeHost(host, overUdp),
    mountList: () => mounts.list(),
    left,
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
  let up: Started;
  try {
    up = await link.call<Started>('started');
  } catch (error) {
    stopping = true;
    await worker.terminate();
    throw error;
  }
  return {
    programs: up.programs,
    answer: (bytes, from) => link.call('datagram', { bytes: copied(bytes), from }),
    accept: accepted => link.tell('accept', accepted),
    spare: address => link.tell('spare', address),
    objectAt: async question => {
      const found = link.call<ObjectReport>('objectAt', question);
      return (await within(OBJECT_MS, found)) ?? { identity: question.identity, exists: true, error: 'ETIMEDOUT' };
    },
    stats: statsOf(link, up.stats),
    dump: async () => (await within(STATS_MS, link.call<DumpSection[]>('dump'))) ?? silentDump(input.stage),
    prepare: text => link.call('prepare', text),
    decide: go => link.call('decide', go),
    async stop() {
      stopping = true;
      await link.call('stop').catch(() => {});
      await exited;
    },
  };
}

function silentDump(stage: number): DumpSection[] {
  return [[`stage.${stage}`, { silent: true }]];
}

/** How long the main thread waits for a stage, whose thread may be stuck in a call. */
const STATS_MS = 1000;
const OBJECT_MS = 6000;

/** What a stage has counted, or what it said last when it does not answer. */
function statsOf(link: Link, first: StageStats): () => Promise<StageStats> {
  let last = first;
  let askedAt: number | undefined;
  let answer: Promise<StageStats> | undefined;
  return async () => {
    askedAt ??= performance.now();
    answer ??= link.call<StageStats>('stats').finally(() => {
      answer = askedAt = undefined;
    });
    const stats = await within(STATS_MS, answer);
    if (stats === undefined) return { ...last, silentMs: Math.round(performance.now() - askedAt!) };
    last = stats;
    return stats;
  };
}
