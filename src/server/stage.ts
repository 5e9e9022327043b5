/**
 * A stage: one event loop with all that it needs to answer calls, which are its own graph, programs and connections.
 */
import { Graph } from '../graph/graph.ts';
import type { GraphSource } from '../graph/plan.ts';
import { planGraph } from '../graph/plan.ts';
import { LiveGraph, type NextGraph } from '../graph/live/live-graph.ts';
import { Master } from '../master/master.ts';
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
import { within } from '../within.ts';
import { Stage } from '../rpcsvc/stage.ts';
import type { NfsHost } from '../xlators/nfs/server/nfs-host.ts';
import { NfsServer } from '../xlators/nfs/server/nfs-server.ts';
import { FOREIGN_LAYERS } from '../xlators/foreign.ts';
import { XLATORS } from '../xlators/registry.ts';
import type { ServerConfig } from './config.ts';
import { gated } from './gated.ts';
import { clientLimits } from './limits.ts';
import { handingOver, mountAll } from './local-mounts.ts';
import { objectAt, type ObjectQuestion, type ObjectReport } from './control/object.ts';
import type { DumpSection } from './control/graph-dump.ts';
import { stageDump } from './control/stage-dump.ts';
import { graphStats } from './control/stats.ts';
import type { NewVolfile, ServedProgram, StageStats } from './stage-messages.ts';

const NO_REPLIES: ReplyCacheStats = { kept: 0, bytes: 0, bytesMax: 0, hits: 0 };

/** How long the bricks of a volfile may take to come up before it is served all the same. */
const UP_MS = 5000;

/** A new volfile's graph that is ready to take over, and its programs. */
interface Prepared {
  readonly next: NextGraph;
  readonly programs: ProgramRegistry;
  /** Makes the mounts go on with it. */
  readonly handOver: () => Promise<void>;
}

export interface ServerStageOptions {
  /** The number of the stage, from 0; a stage in place of another has a new one. */
  readonly number: number;
  readonly config: ServerConfig;
  /** What the stages have in common. */
  readonly host: NfsHost;
  /** Called for each connection that is closed, with its client's address. */
  readonly left: (address: string) => void;
  readonly watch: WatchMemory;
  readonly log: Log;
}

export class ServerStage {
  readonly number: number;
  readonly service: Service;
  /** Answers a datagram's call, if its program is served in datagrams. */
  readonly answer: Answer;
  /** The same service, with only those programs that are served over UDP. */
  readonly #udp: Service;
  readonly #stopping = new AbortController();
  readonly #stage: Stage;
  readonly #live: LiveGraph;
  readonly #config: ServerConfig;
  #prepared: Prepared | undefined;

  private constructor({ number, config, left, log }: ServerStageOptions, graph: Graph) {
    this.number = number;
    this.#config = config;
    const { settings } = nfsOf(graph);
    const drcBytes = settings['nfs.drc'] ? settings['nfs.drc-size'] : 0;
    this.service = {
      programs: programsOf(graph),
      auth: new AuthRegistry(),
      log: new PeerLog(log),
      ...(drcBytes > 0 && { replies: new ReplyCache(drcBytes) }),
    };
    this.#udp = { ...this.service, programs: overUdp(this.service.programs) };
    this.answer = answering(this.#udp, this.#stopping.signal);
    this.#stage = new Stage(this.service, new Clients(clientLimits(settings, config.stages)), config.limits, left);
    this.#live = new LiveGraph(graph, { graceMs: config.graceMs, upMs: UP_MS });
  }

  /** Resolves when the volumes are up, or after a while. @throws {VolfileError} */
  static async start(options: ServerStageOptions): Promise<ServerStage> {
    const { number, config, host, watch, log } = options;
    const env = { log, stateDir: config.stateDir, stage: number, stages: config.stages, watch, host };
    const graph = await Graph.prepare(await planGraph(sourceOf(config, config.text)), env);
    try {
      const stage = new ServerStage(options, graph);
      const isUp = (await within(UP_MS, graph.up())) !== undefined;
      if (!isUp) log.warn('a volume is not up yet; its calls are answered "try again later"');
      if (number === 0) await mountAll(graph, config);
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

  /** Returns this stage's part of a state dump. */
  dump(): DumpSection[] {
    return stageDump(this.stats(), this.#live.current);
  }

  /** Brings up another volfile's graph beside the present one. @throws {VolfileError} it cannot be brought up */
  async prepare({ text, bricks }: NewVolfile): Promise<void> {
    const watch = { ...this.graph.env.watch!, bricks };
    const next = await this.#live.prepare(sourceOf(this.#config, text), { watch });
    try {
      const handOver = handingOver(this.graph, next.graph);
      this.#prepared = { next, programs: programsOf(next.graph), handOver };
    } catch (error) {
      await next.drop();
      throw error;
    }
  }

  /** Makes the prepared graph serve. The calls in the old one finish in the background. */
  commit(): void {
    if (this.#prepared === undefined) return; // the stage is stopping
    const { next, programs, handOver } = this.#prepared;
    this.#prepared = undefined;
    this.service.programs = programs;
    this.#udp.programs = overUdp(programs);
    void next.commit(handOver());
  }

  /** Takes down the prepared graph, if there is one. */
  async drop(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    await prepared?.next.drop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.drop();
    this.graph.gate.hurry();
    await this.#stage.stop(this.#config.graceMs);
    await this.#live.stop();
  }
}

/** Returns the programs of all masters of a graph. */
function programsOf({ tops, gate }: Graph): ProgramRegistry {
  const programs = tops.flatMap(top => (top instanceof Master ? top.programs() : []));
  return new ProgramRegistry(programs.map(program => gated(program, gate)));
}

function overUdp(programs: ProgramRegistry): ProgramRegistry {
  return new ProgramRegistry([...programs].filter(({ udp }) => udp));
}

/** Returns the master through which NFS is served. {@link planServer} ensures that a graph has exactly one. */
function nfsOf({ tops }: Graph): NfsServer {
  return tops.find(top => top instanceof NfsServer)!;
}

function sourceOf({ file, overrides }: ServerConfig, text: string): GraphSource {
  return { text, file, overrides, registry: XLATORS, foreign: FOREIGN_LAYERS };
}
