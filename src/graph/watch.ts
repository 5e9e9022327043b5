/**
 * Which brick the thread of a stage is in, noted in memory that the main thread sees: a call into a dead disk does not
 * return, so the stage cannot tell by itself. In return the main thread notes here which bricks hang, and whether the
 * stage has been set aside; calls of both kinds are answered EJUKEBOX before they begin.
 */
import { FsError } from '../errno.ts';
import { ALL_FOPS, type Xlator } from './xlator.ts';

/** Indices into a stage's own memory. */
const CALLS = 0;
const BRICK = 1;
const ASIDE = 2;
const WORDS = 3;
const NONE = 0;

/** Bricks that a server may have had in all its volfiles; further ones are not watched. */
export const BRICKS_MAX = 4096;

/** Plain data, since it is posted to the stage. */
export interface WatchMemory {
  readonly stage: SharedArrayBuffer;
  /** A word for each brick of the server, not 0 while it hangs. All stages share it. */
  readonly hanging: SharedArrayBuffer;
  /** The words of the bricks, by their names. */
  readonly bricks: ReadonlyMap<string, number>;
}

export const newStageMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4 * WORDS);
export const newHangingMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4 * BRICKS_MAX);

/** What the main thread sees of a stage. */
export class StageSeen {
  readonly #own: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#own = new Int32Array(memory);
  }

  /** Calls into bricks so far; it begins again at some time. */
  get calls(): number {
    return Atomics.load(this.#own, CALLS);
  }

  /** The brick that its thread is in, by number. */
  get brick(): number | undefined {
    const word = Atomics.load(this.#own, BRICK);
    return word === NONE ? undefined : word - 1;
  }

  /** From here on it begins no call into a brick. */
  setAside(): void {
    Atomics.store(this.#own, ASIDE, 1);
  }
}

/** A stage's notes about one brick. */
export class BrickWatch {
  readonly #own: Int32Array;
  readonly #hanging: Int32Array;
  readonly #number: number;
  /** False until the brick has been initialised. */
  ready = true;

  constructor({ stage, hanging }: WatchMemory, number: number) {
    this.#own = new Int32Array(stage);
    this.#hanging = new Int32Array(hanging);
    this.#number = number;
  }

  get hangs(): boolean {
    return this.#hanging[this.#number] !== 0;
  }

  /** Whether a call into the brick may begin; {@link leave} must follow then. */
  enter(): boolean {
    if (this.#hanging[this.#number] !== 0 || this.#own[ASIDE] !== 0 || !this.ready) return false;
    this.#own[CALLS]! += 1;
    this.#own[BRICK] = this.#number + 1;
    return true;
  }

  leave(): void {
    this.#own[BRICK] = NONE;
  }

  /** Runs what the stage does with the brick on its own behalf. */
  during<T>(work: () => T): T {
    const before = this.#own[BRICK]!;
    this.#own[CALLS]! += 1;
    this.#own[BRICK] = this.#number + 1;
    try {
      return work();
    } finally {
      this.#own[BRICK] = before;
    }
  }
}

type AnyFop = (...args: unknown[]) => unknown;

/**
 * For each fop what makes a watched one of it. Each is a function of its own, compiled for the one fop that it calls:
 * a shared one costs twice as much.
 */
const WATCHED = Object.fromEntries(
  ALL_FOPS.map(fop => {
    const args = 'a, b, c, d, e, f'; // six are the most that any takes
    const source = `return function ${fop}(${args}) {
      if (!watch.enter()) return refuse();
      try {
        return run.call(brick, ${args});
      } finally {
        watch.leave();
      }
    };`;
    // oxlint-disable-next-line typescript/no-implied-eval -- made of our own table
    return [fop, new Function('run', 'brick', 'watch', 'refuse', source)];
  }),
) as Record<string, (run: AnyFop, brick: Xlator, watch: BrickWatch, refuse: () => Promise<never>) => AnyFop>;

/** Has the fops of a brick watched, as far as they run without waiting. */
export function watched(brick: Xlator, watch: BrickWatch): void {
  const own = brick as unknown as Record<string, AnyFop>;
  const refuse = () => Promise.reject(new FsError('EJUKEBOX', `${brick.name} does not answer`));
  for (const fop of ALL_FOPS) own[fop] = WATCHED[fop]!(own[fop]!, brick, watch, refuse);
  const volumeId = brick.volumeId.bind(brick);
  brick.volumeId = () => (watch.ready && !watch.hangs ? watch.during(volumeId) : refuse());
  const forget = brick.forget.bind(brick);
  brick.forget = inode => watch.during(() => forget(inode));
}
