/** One event loop with all it needs to answer calls: its own graph, programs and connections. */
import { Graph } from '../graph/graph.ts';
import type { Gate } from '../graph/live/gate.ts';
import type { GraphSource } from '../graph/plan.ts';
import { planGraph } from '../graph/plan.ts';
import { LiveGraph } from '../graph/live/reload.ts';
import { VolfileError } from '../volfile/volfile-error.ts';
import type { WatchMemory } from '../graph/live/brick-watch.ts';
import type { Log } from '../log.ts';
import type { Call, Program } from '../rpcsvc/actor.ts';
import { AuthRegistry } from '../rpcsvc/auth/registry.ts';
import { type Answer, answering } from '../rpcsvc/udp/datagram.ts';
import { Clients } from '../rpcsvc/limits/client-limits.ts';
import type { Service } from '../rpcsvc/dispatch.ts';
import type { Accepted } from '../rpcsvc/listener.ts';
import { ProgramRegistry } from '../rpcsvc/registry.ts';
import { ReplyCache, type ReplyCacheStats } from '../rpcsvc/duplicates/reply-cache.ts';
import { PeerLog } from '../peer-log.ts';
import { type ClientStats, Stage } from '../rpcsvc/stage.ts';
import { type NfsHost, NfsServer } from '../xlators/nfs/server/nfs-server.ts';
import { XLATORS } from '../xlators/registry.ts';
import type { ServerConfig } from './config.ts';
import { clientLimits } from './limits.ts';
import { objectAt, type ObjectQuestion, type ObjectReport } from './control/object.ts';
import { type DumpSection, stageDump } from './control/stage-dump.ts';
import { type GraphStats, graphStats } from './control/stats.ts';
import type { NewVolfile } from './worker.ts';

/** A program that a stage serves. It is plain data, since it is posted to the main thread. */
export interface ServedProgram {
  readonly name: string;
  readonly number: number;
  readonly version: number;
  readonly udp: boolean;
}

export interface StageStats {
  readonly stage: number;
  readonly connections: number;
  readonly clients: readonly ClientStats[];
  readonly replies: ReplyCacheStats;
  readonly graph: GraphStats;
  /** For how many milliseconds the stage has not answered; the rest is then what it reported last. */
  readonly silentMs?: number;
}

const NO_REPLIES: ReplyCacheStats = { kept: 0, bytes: 0, bytesMax: 0, hits: 0 };

/** A new volfile that is ready to take over, and waits to be told. */
interface Prepared {
  readonly reloaded: Promise<Graph>;
  /** Resolves when new calls go to it. */
  readonly swapped: Promise<void>;
  decide(go: boolean): void;
}

/** The parts of the rest of the server that a stage uses. */
export interface StageHost extends NfsHost {
  /** Called for each connection that is closed, with its client's address. */
  readonly left: (address: string) => void;
}

export class ServerStage {
  readonly number: number;
  readonly service: Service;
  /** Answers a datagram's call, if its program is served in datagrams. */
  readonly answer: Answer;
  readonly #udp: Service;
  readonly #stopping = new AbortController();
  readonly #stage: Stage;
  readonly #live: LiveGraph;
  readonly #host: NfsHost;
  readonly #config: ServerConfig;
  #prepared: Prepared | undefined;
  /** What {@link LiveGraph} asks before it swaps. */
  #mayTakeOver: (() => Promise<boolean>) | undefined;
  #hasTakenOver: () => void = () => {};

  private constructor(number: number, graph: Graph, config: ServerConfig, host: StageHost, log: Log) {
    this.number = number;
    this.#config = config;
    this.#host = host;
    const drcBytes = nfsOf(graph).settings['nfs.drc'] ? nfsOf(graph).settings['nfs.drc-size'] : 0;
    this.service = {
      programs: this.#take(graph),
      auth: new AuthRegistry(),
      log: new PeerLog(log),
      ...(drcBytes > 0 && { replies: new ReplyCache(drcBytes) }),
    };
    this.#udp = { ...this.service, programs: overUdp(this.service.programs) };
    this.answer = answering(this.#udp, this.#stopping.signal);
    const clients = new Clients(clientLimits(nfsOf(graph).settings, config.stages));
    this.#stage = new Stage(this.service, clients, config.limits, host.left);
    this.#live = new LiveGraph(graph, { graceMs: config.graceMs, swap: next => this.#swap(next) });
  }

  /** @throws {VolfileError} */
  static async start(
    number: number,
    config: ServerConfig,
    host: StageHost,
    watch: WatchMemory,
    log: Log,
  ): Promise<ServerStage> {
    const env = { log, stateDir: config.stateDir, stage: number, stages: config.stages, watch };
    const graph = await Graph.prepare(await planGraph(sourceOf(config, config.text)), env);
    try {
      const stage = new ServerStage(number, graph, config, host, log);
      graph.up();
      return stage;
    } catch (error) {
      await graph.stop();
      throw error;
    }
  }

  get nfs(): NfsServer {
    return nfsOf(this.#live.current);
  }

  get graph(): Graph {
    return this.#live.current;
  }

  get programs(): ServedProgram[] {
    return [...this.service.programs].map(({ name, number, version, udp = false }) => ({ name, number, version, udp }));
  }

  objectAt(question: ObjectQuestion): Promise<ObjectReport> {
    return objectAt(this.nfs, question);
  }

  accept(accepted: Accepted): void {
    this.#stage.accept(accepted);
  }

  /** Closes the most dispensable connection of `address`. */
  spare(address: string): void {
    this.#stage.spare(address);
  }

  stats(): StageStats {
    return {
      stage: this.number,
      connections: this.#stage.connections,
      clients: this.#stage.clients(),
      replies: this.service.replies?.stats() ?? NO_REPLIES,
      graph: graphStats(this.#live.current),
    };
  }

  /** For a state dump. */
  dump(): DumpSection[] {
    return stageDump(this.stats(), this.#live.current);
  }

  /** Brings up another volfile's graph beside the present one. @throws {VolfileError} nothing has changed */
  async prepare({ text, bricks }: NewVolfile): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const decision = Promise.withResolvers<boolean>();
    const swapped = Promise.withResolvers<void>();
    this.#hasTakenOver = swapped.resolve;
    this.#mayTakeOver = () => {
      ready.resolve();
      return decision.promise;
    };
    const reloaded = this.#live.reload(sourceOf(this.#config, text), { watch: { ...this.graph.env.watch!, bricks } });
    reloaded.catch(ready.reject);
    await ready.promise;
    this.#prepared = { reloaded, swapped: swapped.promise, decide: decision.resolve };
  }

  /** The prepared graph takes over (`go`), or is dropped. The old graph's calls finish in the background. */
  async decide(go: boolean): Promise<void> {
    const prepared = this.#prepared;
    if (prepared === undefined) return;
    this.#prepared = undefined;
    prepared.decide(go);
    if (go) await prepared.swapped;
    else await prepared.reloaded.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.decide(false);
    await this.#stage.stop(this.#config.graceMs);
    await this.#live.stop();
  }

  async #swap(next: Graph): Promise<void> {
    const programs = this.#take(next);
    if (!(await this.#mayTakeOver!())) throw new VolfileError(next.top.where, 'another stage could not load it');
    this.service.programs = programs;
    this.#udp.programs = overUdp(programs);
    this.#hasTakenOver();
  }

  #take(graph: Graph): ProgramRegistry {
    const nfs = nfsOf(graph);
    nfs.attach(this.#host);
    return new ProgramRegistry(nfs.programs().map(program => gated(program, graph.gate)));
  }
}

function overUdp(programs: ProgramRegistry): ProgramRegistry {
  return new ProgramRegistry([...programs].filter(({ udp }) => udp));
}

/** @throws {VolfileError} the top is no nfs/server */
export function nfsOf({ top }: Graph): NfsServer {
  if (top instanceof NfsServer) return top;
  throw VolfileError.expected(top.where, 'nfs/server as the last volume, the top of the graph', top.type);
}

/** The graph of a program's calls is not taken down before they are answered. */
function gated(program: Program, gate: Gate): Program {
  const leave = () => gate.leave();
  return {
    ...program,
    contextOf(call: Call) {
      if (gate.enter()) call.afterSend(leave);
      return program.contextOf(call);
    },
  };
}

function sourceOf({ file, overrides }: ServerConfig, text: string): GraphSource {
  return { text, file, overrides, registry: XLATORS };
}
