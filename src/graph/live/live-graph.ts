import { Serial } from '../../serial.ts';
import { within } from '../../within.ts';
import { Graph } from '../graph.ts';
import { type GraphSource, planGraph } from '../plan.ts';
import type { GraphEnv } from '../xlator.ts';

export interface LiveGraphOptions {
  /** How long the calls in a replaced graph may take to finish, in milliseconds. */
  readonly graceMs: number;
  /** How long a new graph may take to come up before it takes over all the same, in milliseconds. */
  readonly upMs: number;
}

/** A graph that can take the place of the present one. One of its methods must be called, once. */
export interface NextGraph {
  readonly graph: Graph;
  /**
   * Makes it the present graph, at once. The promise resolves when the calls in the previous graph have finished and it
   * has been stopped.
   */
  commit(): Promise<void>;
  /** Stops it again. The present graph stays. */
  drop(): Promise<void>;
}

/** The graph that serves now; it can be replaced by another while calls are under way. */
export class LiveGraph implements AsyncDisposable {
  #current: Graph;
  readonly #options: LiveGraphOptions;
  readonly #reloads = new Serial();
  #next: NextGraph | undefined;
  #stopped: Promise<void> | undefined;

  constructor(graph: Graph, options: LiveGraphOptions) {
    this.#current = graph;
    this.#options = options;
  }

  get current(): Graph {
    return this.#current;
  }

  /**
   * Brings up the graph of `source` beside the present one, as far as it comes within `upMs`: a brick that does not
   * answer does not keep the others waiting for ever. In the new graph's environment `changes` are other than in the
   * present one's. Waits for a reload that is under way.
   * @throws {VolfileError} the new graph cannot be used; nothing has changed
   */
  prepare(source: GraphSource, changes: Partial<GraphEnv> = {}): Promise<NextGraph> {
    const prepared = Promise.withResolvers<NextGraph>();
    const reloaded = this.#reloads.run(async () => {
      const graph = await this.#bringUp(source, changes);
      const over = Promise.withResolvers<void>();
      this.#next = this.#nextOf(graph, over.resolve);
      prepared.resolve(this.#next);
      await over.promise;
    });
    reloaded.catch(prepared.reject);
    return prepared.promise;
  }

  /** Stops the present graph when its calls have finished. A graph that has been prepared is dropped. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #bringUp(source: GraphSource, changes: Partial<GraphEnv>): Promise<Graph> {
    this.#refuseIfStopping();
    const graph = await Graph.prepare(await planGraph(source), { ...this.#current.env, ...changes });
    try {
      await within(this.#options.upMs, graph.up());
      this.#refuseIfStopping();
    } catch (error) {
      await graph.stop();
      throw error;
    }
    return graph;
  }

  #nextOf(graph: Graph, over: () => void): NextGraph {
    return {
      graph,
      commit: async () => {
        this.#next = undefined;
        const previous = this.#current;
        this.#current = graph;
        await this.#drain(previous).finally(over);
      },
      drop: async () => {
        this.#next = undefined;
        await graph.stop().finally(over);
      },
    };
  }

  #refuseIfStopping(): void {
    if (this.#stopped) throw new Error('the graph is stopping and takes no new volfile');
  }

  async #stop(): Promise<void> {
    await this.#next?.drop();
    await this.#reloads.run(() => this.#drain(this.#current));
  }

  async #drain(graph: Graph): Promise<void> {
    const left = await graph.gate.close(this.#options.graceMs);
    if (left > 0) graph.env.log.warn(`${left} calls did not finish within ${this.#options.graceMs} ms`);
    await graph.stop();
  }
}
