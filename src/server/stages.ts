/**
 * The stages of a server. Clients are distributed to them, and a stage that is stuck in a call into a dead disk is
 * replaced.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { Accepted } from '../rpcsvc/listener.ts';
import { endConnection, socketOf } from '../sys/process/shutdown.ts';
import type { MountTable } from '../xlators/nfs/server/mount/mount-table.ts';
import type { ServerConfig } from './config.ts';
import { type Hang, HangWatch } from './hang-watch.ts';
import type { Planned } from './plan.ts';
import { RemoteStage } from './remote-stage.ts';
import type { StageStats } from './stage-messages.ts';
import type { DumpSection } from './control/graph-dump.ts';
import type { WorkerInput } from './worker.ts';

export interface StagesOptions {
  /** The module that calls `runWorker`. */
  readonly entry: URL;
  readonly config: ServerConfig;
  readonly shared: Pick<WorkerInput, 'handleKey' | 'verifiers'>;
  readonly mounts: MountTable;
  /** Called for each connection that is closed, with its client's address. */
  readonly left: (address: string) => void;
  readonly log: Log;
  /** Called when a stage has ended without having been told to. */
  readonly died: (error: Error) => void;
}

/** A connection that was handed to a stage. */
interface Dealt {
  readonly stage: RemoteStage;
  /** The identity of the socket, to recognise it when its descriptor's number has been reused. */
  readonly socket: string | undefined;
}

/** The pause between two attempts to start a stage in place of one that is stuck. */
const AGAIN_MS = 1000;

export class Stages {
  readonly #options: StagesOptions;
  readonly #hangs = new HangWatch({
    stuck: (stage, hang) => this.#stuck(stage, hang),
    back: ({ brick }) => this.#options.log.info({ brick }, 'the file system answers again'),
  });
  readonly #stages: RemoteStage[] = [];
  /** The connections by the numbers of their descriptors. */
  readonly #dealt = new Map<number, Dealt>();
  /** The number of the next stage. */
  #number = 0;
  #text: string;
  #planned: Planned;
  #stopping = false;

  private constructor(options: StagesOptions, planned: Planned) {
    this.#options = options;
    this.#text = options.config.text;
    this.#planned = planned;
  }

  /**
   * Starts the stages.
   * @throws {VolfileError} and other errors that keep a stage from starting; no stage runs then
   */
  static async start(options: StagesOptions, planned: Planned): Promise<Stages> {
    const stages = new Stages(options, planned);
    try {
      for (let i = 0; i < options.config.stages; i++) {
        // One after the other, so that the first failure ends the start. The bricks of stage 0 repair damaged indexes.
        stages.#stages.push(await stages.#start());
      }
      return stages;
    } catch (error) {
      await stages.stop();
      throw error;
    }
  }

  get first(): RemoteStage {
    return this.#stages[0]!;
  }

  /** The bricks that do not answer now. */
  get hangs(): readonly Hang[] {
    return this.#hangs.hangs;
  }

  /** Returns the stage that a client's address hashes to, so that a client's calls, inodes and limits stay together. */
  of(address: string): RemoteStage {
    let hash = 0;
    for (let i = 0; i < address.length; i++) hash = (hash * 31 + address.charCodeAt(i)) >>> 0;
    return this.#stages[hash % this.#stages.length]!;
  }

  /** Hands a connection to the stage of its client. */
  deal(accepted: Accepted): void {
    const stage = this.of(accepted.address);
    this.#dealt.set(accepted.fd, { stage, socket: socketOf(accepted.fd) });
    stage.accept(accepted);
  }

  stats(): Promise<StageStats[]> {
    return Promise.all(this.#stages.map(stage => stage.stats()));
  }

  /** The stages' parts of a state dump. */
  dump(): Promise<DumpSection[][]> {
    return Promise.all(this.#stages.map(stage => stage.dump()));
  }

  /**
   * Replaces the volfile in all stages or in none. @throws {VolfileError} it cannot be used, and nothing has changed
   */
  async reload(text: string, planned: Planned): Promise<void> {
    const stages = [...this.#stages];
    const next = { text, bricks: this.#hangs.numbersFor(planned.plan) };
    const prepared = await Promise.allSettled(stages.map(stage => stage.prepare(next)));
    const failed = prepared.find(result => result.status === 'rejected');
    // A stage that was replaced meanwhile rejects, and has nothing to commit or drop.
    await Promise.allSettled(stages.map(stage => (failed === undefined ? stage.commit() : stage.drop())));
    if (failed) throw failed.reason;
    this.#text = text;
    this.#planned = planned;
    for (const stage of this.#stages.filter(one => !stages.includes(one))) this.#replace(stage);
  }

  /** Stops all stages at the same time, since one that waits for a slow call must not keep the others waiting. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const stopped = await Promise.allSettled(this.#stages.map(stage => stage.stop()));
    this.#hangs.stop();
    for (const result of stopped) if (result.status === 'rejected') throw result.reason;
  }

  /** Ends all connections, those of stages that do not answer included, because the process is about to end. */
  abandon(): void {
    for (const fd of this.#dealt.keys()) this.#end(fd);
  }

  #start(): Promise<RemoteStage> {
    const { entry, config, shared, mounts, left, died } = this.#options;
    const watch = this.#hangs.memoryFor(this.#planned.plan);
    const input = { ...shared, stage: this.#number++, config: { ...config, text: this.#text }, watch };
    return RemoteStage.start({ entry, input, mounts, left, died }, stage => this.#hangs.add(stage));
  }

  #stuck(stage: RemoteStage, hang: Hang): void {
    const { brick, since } = hang;
    this.#options.log.warn(
      { stage: stage.number, brick, since },
      'the file system does not answer: its calls are answered "try again later", and the stage is replaced',
    );
    if (this.#stages.includes(stage)) this.#replace(stage);
    else stage.retire(); // it was to replace another stage and is not up yet
  }

  /** Replaces the stage by a new one. Its connections are ended, and its clients reconnect to the new stage. */
  #replace(stage: RemoteStage): void {
    stage.seen.setAside();
    void this.#successor(stage).then(next => {
      if (next === undefined) return;
      this.#stages[this.#stages.indexOf(stage)] = next;
      stage.retire();
      for (const [fd, dealt] of this.#dealt) if (dealt.stage === stage) this.#end(fd);
      this.#options.log.info({ stage: stage.number, by: next.number }, 'the stage has been replaced');
    });
  }

  /** Starts a stage in place of another one, trying until it succeeds; `undefined` if the server is stopping. */
  async #successor(stage: RemoteStage): Promise<RemoteStage | undefined> {
    while (!this.#stopping) {
      const text = this.#text;
      try {
        const next = await this.#start();
        if (!this.#stopping && text === this.#text) return next;
        void next.stop(); // another volfile has taken over meanwhile
      } catch (err) {
        this.#options.log.error({ err, stage: stage.number }, 'no other stage can be started in place of this one');
        await sleep(AGAIN_MS);
      }
    }
    return undefined;
  }

  /** Ends a connection, unless its descriptor has been closed. */
  #end(fd: number): void {
    const dealt = this.#dealt.get(fd)!;
    this.#dealt.delete(fd);
    // The stage may have closed the descriptor, and its number may have been reused.
    if (dealt.socket !== undefined && socketOf(fd) === dealt.socket) endConnection(fd);
  }
}
