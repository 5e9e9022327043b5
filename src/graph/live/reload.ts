import { Serial } from '../../serial.ts';
import { Graph } from '../graph.ts';
import { type GraphSource, planGraph } from '../plan.ts';
import type { GraphEnv } from '../xlator.ts';

export interface LiveGraphOptions {
  /** How long the calls in a replaced graph may take to finish, in milliseconds. */
  readonly graceMs: number;
  /**
   * Makes new calls go to `next`, which is initialised but not up yet, while `previous` still runs. If this throws, the
   * reload has failed and `previous` stays.
   */
  swap(next: Graph, previous: Graph): void | Promise<void>;
}

/** The graph that serves now; it can be replaced by another while calls are under way. */
export class LiveGraph implements AsyncDisposable {
  #current: Graph;
  readonly #options: LiveGraphOptions;
  /** Reloads and stops run one after the other. */
  readonly #serial = new Serial();
  #stopped: Promise<void> | undefined;

  constructor(graph: Graph, options: LiveGraphOptions) {
    this.#current = graph;
    this.#options = options;
  }

  get current(): Graph {
    return this.#current;
  }

  /**
   * Prepares the graph of `source` beside the present one, swaps them, lets the calls in the old one finish and stops
   * it. In the new graph's environment `changes` are other than in the present one's.
   * @throws {VolfileError} the new graph cannot be used; nothing has changed
   */
  reload(source: GraphSource, changes: Partial<GraphEnv> = {}): Promise<Graph> {
    if (this.#stopped) return Promise.reject(new Error('the graph is stopping and takes no new volfile'));
    return this.#serial.run(() => this.#reload(source, changes));
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#serial.run(() => this.#drain(this.#current));
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #reload(source: GraphSource, changes: Partial<GraphEnv>): Promise<Graph> {
    const previous = this.#current;
    const next = await Graph.prepare(await planGraph(source), { ...previous.env, ...changes });
    try {
      await this.#options.swap(next, previous);
    } catch (error) {
      await next.stop();
      throw error;
    }
    this.#current = next;
    next.up();
    await this.#drain(previous);
    return next;
  }

  async #drain(graph: Graph): Promise<void> {
    const left = await graph.gate.close(this.#options.graceMs);
    if (left > 0) graph.env.log.warn(`${left} calls did not finish within ${this.#options.graceMs} ms`);
    await graph.stop();
  }
}
