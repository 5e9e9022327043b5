import { Serial } from '../../serial.ts';
import { within } from '../../within.ts';
import { Graph } from '../graph.ts';
import { type GraphSource, type Plan, planGraph } from '../plan.ts';
import type { GraphEnv } from '../xlator.ts';
import { differsOnlyLive, keepStartOptions } from './live-changes.ts';

export interface LiveGraphOptions {
  /** How long the calls in a replaced graph may take to finish, in milliseconds. */
  readonly graceMs: number;
  /** How long a new graph may take to come up before it takes over all the same, in milliseconds. */
  readonly upMs: number;
}

/** What a reload has prepared: one of its methods must be called, once. */
export interface NextGraph {
  /** A new graph or, if only live options change, the present one. */
  readonly graph: Graph;
  /**
   * Makes it the present graph, or changes the options of the present one, at once. The promise resolves when the calls
   * in the previous graph have finished and it has been stopped, which is not before `left` resolves.
   */
  commit(left?: Promise<unknown>): Promise<void>;
  /** Takes down what was prepared. The present graph stays as it is. */
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
   * Prepares the graph of `source` to take over. If it differs from the present one in live options only, the present
   * one will go on with these. Otherwise the new graph comes up beside the present one, as far as it comes within
   * `upMs`, so that a brick that does not answer does not keep the others waiting for ever. In its environment `changes`
   * are other than in the present one's. Waits for a reload that is under way.
   * @throws {VolfileError} the new graph cannot be used; nothing has changed
   */
  prepare(source: GraphSource, changes: Partial<GraphEnv> = {}): Promise<NextGraph> {
    const prepared = Promise.withResolvers<NextGraph>();
    const reloaded = this.#reloads.run(async () => {
      this.#refuseIfStopping();
      const plan = await planGraph(source);
      keepStartOptions(this.#current.plan, plan);
      const over = Promise.withResolvers<void>();
      const isLive = differsOnlyLive(this.#current.plan, plan);
      const next = isLive ? this.#changed(plan, over.resolve) : await this.#bringUp(plan, changes, over.resolve);
      prepared.resolve(next);
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

  async #bringUp(plan: Plan, changes: Partial<GraphEnv>, over: () => void): Promise<NextGraph> {
    const graph = await Graph.prepare(plan, { ...this.#current.env, ...changes });
    try {
      await within(this.#options.upMs, graph.up());
      this.#refuseIfStopping();
    } catch (error) {
      await graph.stop();
      throw error;
    }
    return this.#replaced(graph, over); // in the same step, so that a stop that comes now finds it
  }

  #replaced(graph: Graph, over: () => void): NextGraph {
    return (this.#next = {
      graph,
      commit: async left => {
        this.#next = undefined;
        const previous = this.#current;
        this.#current = graph;
        if (left !== undefined) await left;
        await this.#drain(previous).finally(over);
      },
      drop: async () => {
        this.#next = undefined;
        await graph.stop().finally(over);
      },
    });
  }

  /** The present graph with other options. */
  #changed(plan: Plan, over: () => void): NextGraph {
    this.#refuseIfStopping();
    const graph = this.#current;
    const change = graph.reconfigure(plan);
    const end = () => {
      this.#next = undefined;
      over();
    };
    return (this.#next = {
      graph,
      commit: async () => {
        change();
        end();
      },
      drop: async () => end(),
    });
  }

  #refuseIfStopping(): void {
    if (this.#stopped) throw new Error('the graph is stopping and takes no new volfile');
  }

  async #stop(): Promise<void> {
    this.#current.gate.hurry(); // a reload that is under way must not keep it
    await this.#next?.drop();
    await this.#reloads.run(() => this.#drain(this.#current));
  }

  async #drain(graph: Graph): Promise<void> {
    const left = await graph.gate.close(this.#options.graceMs);
    if (left > 0) graph.env.log.warn(`${left} calls did not finish within ${this.#options.graceMs} ms`);
    await graph.stop();
  }
}
