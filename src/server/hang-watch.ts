/** Detects that the thread of a stage does not return from a call into a brick. */
import { readFileSync } from 'node:fs';
import type { Plan } from '../graph/plan.ts';
import type { Stanza } from '../volfile/volfile.ts';
import { BRICKS_MAX, newHangingMemory, newStageMemory, type WatchMemory } from '../graph/live/brick-watch.ts';
import type { RemoteStage } from './remote-stage.ts';

/** How often the threads are checked. */
const CHECK_MS = 250;
/**
 * A thread that has been in one single sleep for this long counts as hung. A disk that is merely slow wakes it now and
 * then.
 */
const HUNG_MS = 2000;

interface Watched {
  readonly stage: RemoteStage;
  /** What was last seen of the thread, and since when that has not changed. */
  calls: number;
  sleep: number | undefined;
  since: number;
  /** The brick that the thread does not return from. */
  stuckIn: number | undefined;
}

/** A brick that does not answer. */
export interface Hang {
  readonly brick: string;
  readonly since: Date;
}

export interface HangEvents {
  /** A stage is stuck in a call into the brick. Called once for each such stage. */
  stuck(stage: RemoteStage, hang: Hang): void;
  /** A call into the brick that counted as hung has returned. */
  back(hang: Hang): void;
}

export class HangWatch {
  readonly #hanging = newHangingMemory();
  /** For each brick by its number, 1 if it does not answer. The stages read this. */
  readonly #words = new Int32Array(this.#hanging);
  /** The numbers of the bricks, by their identities: see {@link identityOf}. */
  readonly #numbers = new Map<string, number>();
  /** The names of the bricks, by their numbers. */
  readonly #names: string[] = [];
  readonly #watched = new Set<Watched>();
  readonly #hangs = new Map<number, Hang>();
  readonly #events: HangEvents;
  readonly #timer: NodeJS.Timeout;

  constructor(events: HangEvents) {
    this.#events = events;
    this.#timer = setInterval(() => this.#check(performance.now()), CHECK_MS).unref();
  }

  /** The bricks that do not answer now. */
  get hangs(): readonly Hang[] {
    return [...this.#hangs.values()];
  }

  /** Makes the shared memory for a new stage that runs this plan. */
  memoryFor(plan: Plan): WatchMemory {
    return { stage: newStageMemory(), hanging: this.#hanging, bricks: this.numbersFor(plan) };
  }

  /**
   * The numbers of a plan's bricks. A brick that stays as it is keeps its number in every volfile that the server
   * loads.
   */
  numbersFor({ volumes }: Plan): WatchMemory['bricks'] {
    const bricks = new Map<string, number>();
    for (const { stanza } of volumes) {
      if (stanza.subvolumes.length > 0) continue;
      const { name } = stanza;
      const identity = identityOf(stanza);
      if (!this.#numbers.has(identity) && this.#names.length < BRICKS_MAX) {
        this.#numbers.set(identity, this.#names.push(name) - 1);
      }
      const number = this.#numbers.get(identity);
      if (number !== undefined) bricks.set(name, number);
    }
    return bricks;
  }

  add(stage: RemoteStage): void {
    const watched: Watched = { stage, calls: 0, sleep: undefined, since: Infinity, stuckIn: undefined };
    this.#watched.add(watched);
    void stage.exited.then(() => {
      this.#watched.delete(watched);
      this.#cameBack(watched);
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(now: number): void {
    for (const watched of this.#watched) {
      const { calls, brick } = watched.stage.seen;
      const moves = brick === undefined || calls !== watched.calls;
      if (watched.stuckIn !== undefined) {
        if (moves) this.#cameBack(watched);
        continue;
      }
      const sleep = moves ? undefined : sleepOf(watched.stage.thread);
      if (sleep === undefined || sleep !== watched.sleep) {
        watched.calls = calls;
        watched.sleep = sleep;
        watched.since = now;
      } else if (now - watched.since >= HUNG_MS) {
        this.#stuck(watched, brick!, now - watched.since);
      }
    }
  }

  #stuck(watched: Watched, brick: number, ms: number): void {
    watched.stuckIn = brick;
    const name = this.#names[brick]!;
    const hang = this.#hangs.get(brick) ?? { brick: name, since: new Date(Date.now() - ms) };
    this.#hangs.set(brick, hang);
    Atomics.store(this.#words, brick, 1);
    this.#events.stuck(watched.stage, hang);
  }

  /**
   * Takes the return of the call as a sign that the brick answers again. If it does not, the next call into it is
   * detected as this one was.
   */
  #cameBack(watched: Watched): void {
    const brick = watched.stuckIn;
    if (brick === undefined) return;
    watched.stuckIn = undefined;
    const hang = this.#hangs.get(brick);
    if (hang === undefined) return; // another stage's call has returned before
    this.#hangs.delete(brick);
    Atomics.store(this.#words, brick, 0);
    this.#events.back(hang);
  }
}

/** Identifies a brick. One of the same name with another directory does not hang because the former one does. */
function identityOf({ name, type, options }: Stanza): string {
  return JSON.stringify([name, type, options.get('directory')?.value]);
}

/** Returns which sleep a thread is in, counted from its start; `undefined` if it runs, or waits for a processor. */
function sleepOf(thread: string | undefined): number | undefined {
  if (thread === undefined) return undefined;
  try {
    const status = readFileSync(`/proc/${thread}/status`, 'latin1');
    const [, state] = /^State:\s+(\w)/m.exec(status) ?? [];
    const [, count] = /^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status) ?? [];
    return (state === 'S' || state === 'D') && count !== undefined ? Number(count) : undefined;
  } catch {
    return undefined; // it has ended
  }
}
