/** The graph of a mount, which another volfile replaces while it is mounted. */
import type { Graph } from '../../../graph/graph.ts';
import { LiveGraph } from '../../../graph/live/live-graph.ts';
import { Serial } from '../../../serial.ts';
import type { GraphSource } from '../../../graph/plan.ts';
import { handingOver } from '../../../server/local-mounts.ts';
import type { Reloadable } from '../reload.ts';

export class MountedGraph implements Reloadable, AsyncDisposable {
  readonly #live: LiveGraph;
  readonly #reloads = new Serial();
  #source: GraphSource;

  /** @param upMs how long a new graph may take to come up before it takes over all the same, in milliseconds */
  constructor(graph: Graph, source: GraphSource, upMs: number) {
    this.#live = new LiveGraph(graph, { graceMs: 0, upMs });
    this.#source = source;
  }

  /** The graph that is mounted now. */
  get current(): Graph {
    return this.#live.current;
  }

  /** The volfile of that graph. */
  get text(): string {
    return this.#source.text;
  }

  reload(read: () => Promise<string>, ifOther = false): Promise<void> {
    return this.#reloads.run(async () => {
      const text = await read();
      if (!ifOther || text !== this.text) await this.#reload({ ...this.#source, text });
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#live.stop();
  }

  async #reload(source: GraphSource): Promise<void> {
    const next = await this.#live.prepare(source);
    let handOver: () => Promise<void>;
    try {
      handOver = handingOver(this.current, next.graph);
    } catch (error) {
      await next.drop();
      throw error;
    }
    const { log } = this.current.env;
    next.commit(handOver()).catch((err: unknown) => log.error({ err }, 'the former graph has not stopped in order'));
    this.#source = source;
    log.info({ file: source.file }, 'the new volfile has taken over');
  }
}
