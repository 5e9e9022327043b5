/** One event loop with all it needs to answer calls: its own graph, programs and connections. */
import { Graph } from '../graph/graph.ts';
import type { GraphSource } from '../graph/plan.ts';
import { planGraph } from '../graph/plan.ts';
import { LiveGraph, type NextGraph } from '../graph/live/live-graph.ts';
import { VolfileError } from '../volfile/volfile-error.ts';
import type { WatchMemory } from '../graph/live/brick-watch.ts';
import type { Log } from '../log.ts';
import { AuthRegistry } from '../rpcsvc/auth/registry.ts';
import { type Answer, answering } from '../rpcsvc/udp/datagram.ts';
import { Clients } from '../rpcsvc/limits/client-limits.ts';
import type { Service } from '../rpcsvc/service.ts';
import type { Accepted } from '../rpcsvc/listener.ts';
import { ProgramRegistry } from '../rpcsvc/registry.ts';
import { ReplyCache, type ReplyCacheStats } from '../rpcsvc/duplicates/reply-cache.ts';
import { PeerLog } from '../peer-log.ts';
import { type ClientStats, Stage } from '../rpcsvc/stage.ts';
import { type NfsHost, NfsServer } from '../xlators/nfs/server/nfs-server.ts';
import { XLATORS } from '../xlators/registry.ts';
import type { ServerConfig } from './config.ts';
import { gated } from './gated.ts';
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

/** How long a new volfile's bricks may take to come up before it takes over all the same. */
const UP_MS = 5000;

/** A new volfile's graph that is ready to take over, and its programs. */
interface Prepared {
  readonly next: NextGraph;
  readonly programs: ProgramRegistry;
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

  private constructor(number: number, graph: Graph, config: ServerConfig, host: StageHost, log: Log) {
    this.number = number;
    this.#config = config;
    this.#host = host;
    const drcBytes = nfsOf(graph).settings['nfs.drc'] ? nfsOf(graph).settings['nfs.drc-size'] : 0;
    this.service = {
      programs: this.#programsOf(graph),
      auth: new AuthRegistry(),
      log: new PeerLog(log),
      ...(drcBytes > 0 && { replies: new ReplyCache(drcBytes) }),
    };
    this.#udp = { ...this.service, programs: overUdp(this.service.programs) };
    this.answer = answering(this.#udp, this.#stopping.signal);
    const clients = new Clients(clientLimits(nfsOf(graph).settings, config.stages));
    this.#stage = new Stage(this.service, clients, config.limits, host.left);
    this.#live = new LiveGraph(graph, { graceMs: config.graceMs, upMs: UP_MS });
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
      void graph.up();
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
    const watch = { ...this.graph.env.watch!, bricks };
    const next = await this.#live.prepare(sourceOf(this.#config, text), { watch });
    try {
      this.#prepared = { next, programs: this.#programsOf(next.graph) };
    } catch (error) {
      await next.drop();
      throw error;
    }
  }

  /** The prepared graph takes over. The calls in the old one finish in the background. */
  commit(): void {
    if (this.#prepared === undefined) return; // the stage is stopping
    const { next, programs } = this.#prepared;
    this.#prepared = undefined;
    this.service.programs = programs;
    this.#udp.programs = overUdp(programs);
    void next.commit();
  }

  /** The prepared graph, if there is one, is taken down again. */
  async drop(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    await prepared?.next.drop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.drop();
    await this.#stage.stop(this.#config.graceMs);
    await this.#live.stop();
  }

  #programsOf(graph: Graph): ProgramRegistry {
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

function sourceOf({ file, overrides }: ServerConfig, text: string): GraphSource {
  return { text, file, overrides, registry: XLATORS };
}
