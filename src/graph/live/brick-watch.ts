/**
 * Notes in memory shared with the main thread which brick the thread of a stage is calling. A call into a dead disk
 * does not return, so the stage itself cannot report it. In the other direction the main thread notes here which bricks
 * hang and whether the stage has been set aside. In both cases calls are answered EJUKEBOX before they begin.
 */

/** Indices into a stage's own memory. */
const CALLS = 0;
const BRICK = 1;
const ASIDE = 2;
const WORDS = 3;
const NONE = 0;

/**
 * How many bricks can be watched, counting those of all volfiles that a server has loaded. Further ones are not
 * watched.
 */
export const BRICKS_MAX = 4096;

/** The shared memory of a stage. It is plain data, since it is posted to the stage. */
export interface WatchMemory {
  readonly stage: SharedArrayBuffer;
  /** A word for each brick of the server, which is not 0 while the brick hangs. All stages share this memory. */
  readonly hanging: SharedArrayBuffer;
  /** The index of each brick's word, by the brick's name. */
  readonly bricks: ReadonlyMap<string, number>;
}

export const newStageMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4 * WORDS);
export const newHangingMemory = (): SharedArrayBuffer => new SharedArrayBuffer(4 * BRICKS_MAX);

/** What the main thread can read of a stage. */
export class StageSeen {
  readonly #own: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#own = new Int32Array(memory);
  }

  /** The number of calls into bricks so far; it wraps around. */
  get calls(): number {
    return Atomics.load(this.#own, CALLS);
  }

  /** The number of the brick that the thread is calling, if any. */
  get brick(): number | undefined {
    const word = Atomics.load(this.#own, BRICK);
    return word === NONE ? undefined : word - 1;
  }

  /** Keeps the stage from beginning any further call into a brick. */
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

  /** Whether a call into the brick may begin. If so, {@link leave} must be called after it. */
  enter(): boolean {
    if (this.#hanging[this.#number] !== 0 || this.#own[ASIDE] !== 0 || !this.ready) return false;
    this.#own[CALLS]! += 1;
    this.#own[BRICK] = this.#number + 1;
    return true;
  }

  leave(): void {
    this.#own[BRICK] = NONE;
  }

  /** Runs work of the stage itself with the brick, outside of any client's call. */
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
