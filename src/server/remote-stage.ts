/** The main thread's view of a stage. The stage's thread may be stuck in a call, so every wait for it has a limit. */
import { Worker } from 'node:worker_threads';
import { StageSeen } from '../graph/live/brick-watch.ts';
import type { Sender } from '../rpcsvc/udp/datagram.ts';
import type { Accepted } from '../rpcsvc/listener.ts';
import type { MountEntry } from '../xlators/nfs/server/mount/mount-entry.ts';
import type { MountTable } from '../xlators/nfs/server/mount/mount-table.ts';
import { within } from '../within.ts';
import { ThreadCalls } from './thread-calls.ts';
import type { ObjectQuestion, ObjectReport } from './control/object.ts';
import type { NewVolfile, ServedProgram, StageStats, Started } from './stage-messages.ts';
import type { DumpSection } from './control/graph-dump.ts';
import { copied, type Datagram, type WorkerInput } from './worker.ts';

/** How long the stage may take to answer, with statistics and about an object. */
const STATS_MS = 1000;
const OBJECT_MS = 6000;

export interface RemoteStageOptions {
  /** The module that calls `runWorker`. */
  readonly entry: URL;
  readonly input: WorkerInput;
  readonly mounts: MountTable;
  /**
   * Called for each connection that is closed, with its client's address. When a stage is retired, it is called for all
   * of its connections at once.
   */
  readonly left: (address: string) => void;
  /** Called when the thread has ended without having been told to. */
  readonly died: (error: Error) => void;
}

export class RemoteStage {
  readonly number: number;
  readonly seen: StageSeen;
  /** Resolves when the thread of the stage has ended. */
  readonly exited: Promise<void>;
  /** The path of the stage's thread below /proc: `PID/task/TID`; `undefined` until it is known. */
  thread: string | undefined;
  readonly #worker: Worker;
  readonly #calls: ThreadCalls;
  readonly #left: (address: string) => void;
  /** The number of the stage's connections by their clients' addresses. */
  readonly #connections = new Map<string, number>();
  #stopping = false;
  #programs: readonly ServedProgram[] = [];
  #last: StageStats | undefined;
  #asked: { readonly at: number; readonly answer: Promise<StageStats> } | undefined;

  private constructor({ entry, input, mounts, left, died }: RemoteStageOptions) {
    this.#left = left;
    this.number = input.stage;
    this.seen = new StageSeen(input.watch.stage);
    const worker = new Worker(entry, { workerData: input, trackUnmanagedFds: false, name: `stage ${input.stage}` });
    this.#worker = worker;
    this.#calls = new ThreadCalls(worker, {
      thread: (path: string) => void (this.thread = path),
      mountAdd: ({ host, path, overUdp }: MountEntry) => mounts.add(host, path, overUdp),
      mountRemove: ({ host, path, overUdp }: MountEntry) => mounts.remove(host, path, overUdp),
      mountRemoveHost: ({ host, overUdp }: Omit<MountEntry, 'path'>) => mounts.removeHost(host, overUdp),
      mountList: () => mounts.list(),
      left: (address: string) => this.#connectionLeft(address),
    });
    const gone = (error: Error) => {
      this.#calls.close(error);
      if (!this.#stopping) died(error);
    };
    worker.on('error', cause => gone(new Error(`stage ${input.stage} failed`, { cause })));
    this.exited = new Promise<void>(resolve => {
      worker.once('exit', () => {
        gone(new Error(`stage ${input.stage} has ended`));
        resolve();
      });
    });
  }

  /**
   * Starts the thread and waits until the stage is up. `born` is called with the stage before that.
   * @throws {Error} the stage cannot start, or was retired meanwhile (see {@link retire})
   */
  static async start(options: RemoteStageOptions, born: (stage: RemoteStage) => void): Promise<RemoteStage> {
    const stage = new RemoteStage(options);
    born(stage);
    try {
      const { programs, stats } = await stage.#calls.call<Started>('started');
      stage.#programs = programs;
      stage.#last = stats;
      return stage;
    } catch (error) {
      if (!stage.#stopping) {
        stage.#stopping = true;
        await stage.#worker.terminate();
      }
      throw error;
    }
  }

  get programs(): readonly ServedProgram[] {
    return this.#programs;
  }

  accept(accepted: Accepted): void {
    this.#connections.set(accepted.address, (this.#connections.get(accepted.address) ?? 0) + 1);
    this.#calls.tell('accept', accepted);
  }

  /** Closes the most dispensable connection of `address`. */
  spare(address: string): void {
    this.#calls.tell('spare', address);
  }

  /** Answers a datagram. Resolves to undefined if the stage ends meanwhile; the datagram then counts as lost. */
  async answer(bytes: Uint8Array, from: Sender): Promise<Uint8Array | undefined> {
    const datagram: Datagram = { bytes: copied(bytes)!, from };
    return this.#calls.call<Uint8Array | undefined>('datagram', datagram).catch(() => undefined);
  }

  async objectAt(question: ObjectQuestion): Promise<ObjectReport> {
    const found = this.#calls.call<ObjectReport>('objectAt', question);
    return (await within(OBJECT_MS, found)) ?? { identity: question.identity, exists: true, error: 'ETIMEDOUT' };
  }

  /** The stage's statistics; if it does not answer, those that it reported last. */
  async stats(): Promise<StageStats> {
    const asked = (this.#asked ??= this.#ask());
    const stats = await within(STATS_MS, asked.answer).catch(() => undefined);
    if (stats === undefined) return { ...this.#last!, silentMs: Math.round(performance.now() - asked.at) };
    return (this.#last = stats);
  }

  /** The stage's part of a state dump. */
  async dump(): Promise<DumpSection[]> {
    const dump = await within(STATS_MS, this.#calls.call<DumpSection[]>('dump')).catch(() => undefined);
    return dump ?? [[`stage.${this.number}`, { silent: true }]];
  }

  /** Makes the stage bring up the graph of another volfile, beside the one that serves. @throws {VolfileError} */
  prepare(next: NewVolfile): Promise<void> {
    return this.#calls.call('prepare', next);
  }

  /** Makes the prepared graph serve. */
  commit(): Promise<void> {
    return this.#calls.call('commit');
  }

  /** Takes down the prepared graph, if there is one. */
  drop(): Promise<void> {
    return this.#calls.call('drop');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#calls.call('stop').catch(() => {});
    await this.exited;
  }

  /** Tells the stage to begin no further call and to end when it can. All requests to it fail at once. */
  retire(): void {
    this.#stopping = true;
    this.seen.setAside();
    this.#calls.tell('stop');
    this.#calls.close(new Error(`stage ${this.number} is stuck in a call`));
    this.#allLeft();
  }

  #connectionLeft(address: string): void {
    const count = this.#connections.get(address);
    if (count === undefined) return; // the stage was retired, and its connections are no longer counted
    if (count > 1) this.#connections.set(address, count - 1);
    else this.#connections.delete(address);
    this.#left(address);
  }

  #allLeft(): void {
    for (const [address, count] of this.#connections) for (let i = 0; i < count; i++) this.#left(address);
    this.#connections.clear();
  }

  #ask(): { readonly at: number; readonly answer: Promise<StageStats> } {
    const answer = this.#calls.call<StageStats>('stats').finally(() => (this.#asked = undefined));
    return { at: performance.now(), answer };
  }
}
