/** A running graph of xlators. */
import { asServer } from '../sys/process/identity.ts';
import { Gate } from './live/gate.ts';
import { type GraphSource, type Plan, planGraph, type PlannedVolume } from './plan.ts';
import { shown, VolfileError } from '../volfile/volfile-error.ts';
import { BrickWatch } from './live/brick-watch.ts';
import { watched } from './live/watched.ts';
import type { GraphEnv, Xlator, XlatorSettings } from './xlator.ts';

/** Reports that an xlator threw while it was made or started: `file:line`, which one, and why. */
function failure({ stanza }: PlannedVolume, cause: unknown): VolfileError {
  if (cause instanceof VolfileError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VolfileError(stanza.where, `volume ${shown(stanza.name)} (${stanza.type}) cannot start: ${why}`, {
    cause,
  });
}

const settingsOf = ({ stanza: { where }, read, readOnlyBy }: PlannedVolume): XlatorSettings => ({
  where,
  options: read.values,
  origins: read.origins,
  readOnlyBy,
});

function construct(plan: Plan, env: GraphEnv): Map<string, Xlator> {
  const xlators = new Map<string, Xlator>();
  for (const [slot, volume] of plan.volumes.entries()) {
    const { name, type, subvolumes } = volume.stanza;
    const children = subvolumes.map(child => xlators.get(child.name)!);
    const childNames = subvolumes.map(child => child.writtenName ?? child.name);
    try {
      const config = { name, type, ...settingsOf(volume), children, childNames, slot, env };
      xlators.set(name, new volume.xlatorClass(config));
    } catch (error) {
      throw failure(volume, error);
    }
  }
  return xlators;
}

/** How often a brick that hung at the start is checked, in case it can be initialised now. */
const LATE_MS = 500;

export class Graph implements AsyncDisposable {
  #plan: Plan;
  readonly env: GraphEnv;
  /** The xlators by the names of their volumes, children before their parents. */
  readonly xlators: ReadonlyMap<string, Xlator>;
  /** Where calls come in, see {@link Plan.tops}. */
  readonly tops: readonly Xlator[];
  /** Entered by each call into this graph. */
  readonly gate = new Gate();
  #started: Xlator[] = [];
  readonly #late = new Set<Xlator>();
  #lateTimer: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  /** Takes xlators that are constructed but not started. */
  private constructor(plan: Plan, env: GraphEnv) {
    this.#plan = plan;
    this.env = env;
    this.xlators = construct(plan, env);
    this.tops = plan.tops.map(({ stanza }) => this.xlators.get(stanza.name)!);
    this.#watchBricks();
  }

  /**
   * Brings a graph up from a volfile: {@link planGraph}, {@link prepare}, {@link up}.
   * @throws {VolfileError} and leaves nothing running
   */
  static async load(source: GraphSource & { readonly env: GraphEnv }): Promise<Graph> {
    const graph = await Graph.prepare(await planGraph(source), source.env);
    void graph.up();
    return graph;
  }

  /** Constructs and initialises the xlators, bottom-up. If one fails, those before it are taken down again. */
  static async prepare(plan: Plan, env: GraphEnv): Promise<Graph> {
    const graph = new Graph(plan, env);
    for (const volume of plan.volumes) {
      const xlator = graph.xlators.get(volume.stanza.name)!;
      if (xlator.watch?.hangs === true) {
        graph.#initLater(xlator);
        continue;
      }
      try {
        asServer(); // a graph that is to take another's place starts while that one serves callers
        await xlator.init();
      } catch (error) {
        await graph.stop();
        throw failure(volume, error);
      }
      graph.#started.push(xlator);
    }
    graph.#warn();
    return graph;
  }

  get plan(): Plan {
    return this.#plan;
  }

  /** The last volume of the volfile. */
  get top(): Xlator {
    return this.tops.at(-1)!;
  }

  /** Sends `parent-up` down; as bricks come up, `child-up` comes back. Resolves when all tops are ready. */
  up(): Promise<unknown> {
    asServer();
    for (const top of this.tops) top.notify({ kind: 'parent-up' });
    return Promise.all(this.tops.map(top => top.ready()));
  }

  /**
   * Prepares to run on with the options of another plan, see {@link differsOnlyLive}. Returns what makes the change.
   * @throws {VolfileError} an xlator cannot use them; nothing has changed
   */
  reconfigure(plan: Plan): () => void {
    const changes = plan.volumes.map(volume => {
      try {
        return this.xlators.get(volume.stanza.name)!.reconfigure(settingsOf(volume));
      } catch (error) {
        throw failure(volume, error);
      }
    });
    return () => {
      for (const change of changes) change();
      this.#plan = plan;
      this.#warn();
    };
  }

  /**
   * Stops all xlators, parents first. An error of one `fini` is logged and does not keep the others from stopping. Safe
   * to call twice.
   */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Logs the warnings of the plan, in one stage only. */
  #warn(): void {
    if (this.env.stage === 0) for (const warning of this.#plan.warnings) this.env.log.warn(warning);
  }

  #watchBricks(): void {
    const { watch } = this.env;
    if (watch === undefined) return;
    for (const xlator of this.xlators.values()) {
      const number = watch.bricks.get(xlator.name);
      if (xlator.children.length > 0 || number === undefined) continue;
      xlator.watch = new BrickWatch(watch, number);
      watched(xlator, xlator.watch);
    }
  }

  /** Called for a brick that is known to hang. Its calls are answered EJUKEBOX until it can be initialised. */
  #initLater(brick: Xlator): void {
    brick.watch!.ready = false;
    this.#late.add(brick);
    this.#lateTimer ??= setInterval(() => void this.#initLate(), LATE_MS).unref();
  }

  async #initLate(): Promise<void> {
    const late = [...this.#late]; // a brick that fails is put back and tried again later
    for (const brick of late) {
      if (this.#stopped) return;
      if (brick.watch!.hangs) continue;
      if (!this.#late.delete(brick)) continue; // another tick is initialising it
      try {
        // Bottom-up, as at the start.
        await brick.init();
        if (this.#stopped) {
          await brick.fini();
          return;
        }
        this.#started.push(brick);
        brick.watch!.ready = true;
        brick.notify({ kind: 'child-up' });
      } catch (err) {
        this.env.log.warn({ err, xlator: brick.name }, `volume ${shown(brick.name)} cannot start yet`);
        this.#late.add(brick);
      }
    }
  }

  async #stop(): Promise<void> {
    clearInterval(this.#lateTimer);
    for (const xlator of this.#started.reverse()) {
      try {
        asServer();
        await xlator.fini();
      } catch (err) {
        this.env.log.error({ err, xlator: xlator.name }, `volume ${shown(xlator.name)} did not stop cleanly`);
      }
    }
  }
}
