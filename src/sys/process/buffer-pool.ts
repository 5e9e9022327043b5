/**
 * Reuses buffers whose sizes are powers of two, since making a fresh buffer of 1 MiB costs more than reading 1 MiB into
 * it. Only a bounded number of bytes is kept after a burst, and buffers that were not needed for a while go back to the
 * system.
 */
import { freeBytes, returnFreed } from './memory.ts';

/** An element of a pool: a buffer, with whatever else belongs to it. */
export interface Pooled {
  readonly bytes: Buffer;
}

export interface PoolOptions<T extends Pooled> {
  /** The smallest and the largest size in bytes, powers of two. Larger buffers are not kept. */
  readonly smallest: number;
  readonly largest: number;
  readonly keptMax: number;
  /** Makes an element with a buffer of exactly `size` bytes in an ArrayBuffer of its own. */
  readonly make: (size: number) => T;
}

/** Buffers that were not taken for this long are freed. */
const TRIM_MS = 5_000;
/** The allocator is asked to return freed memory to the system only when it is at least this much. */
const WORTH_RETURNING_BYTES = 4 * 1024 * 1024;

interface SizeClass<T> {
  readonly free: T[];
  /** The smallest number of free buffers since the last trim. As many were not needed. */
  low: number;
}

export class BufferPool<T extends Pooled> {
  readonly #options: PoolOptions<T>;
  readonly #shift: number;
  readonly #classes: SizeClass<T>[] = [];
  #keptBytes = 0;
  #freedBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions<T>) {
    this.#options = options;
    this.#shift = 31 - Math.clz32(options.smallest);
  }

  /** The bytes of the kept buffers, none of which is in use. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** The size of the buffer that {@link take} returns for `size` bytes. */
  sizeFor(size: number): number {
    return size > this.#options.largest ? size : 2 ** (this.#shift + this.#indexOf(size));
  }

  /** Returns an element of at least `size` bytes, whose old content is still in it. */
  take(size: number): T {
    const { largest, make } = this.#options;
    if (size > largest) return make(size);
    const index = this.#indexOf(size);
    const found = this.#classes[index];
    const one = found?.free.pop();
    if (one === undefined) return make(2 ** (this.#shift + index));
    if (found!.free.length < found!.low) found!.low = found!.free.length;
    this.#keptBytes -= one.bytes.length;
    return one;
  }

  /** Gives an element back. Nothing may access its buffer any more, since its memory may be freed at once. */
  give(one: T): void {
    const { length } = one.bytes;
    if (length > this.#options.largest || this.#keptBytes + length > this.#options.keptMax) {
      this.#freedBytes += length;
      freeBytes(one.bytes);
    } else {
      const index = this.#indexOf(length);
      (this.#classes[index] ??= { free: [], low: 0 }).free.push(one);
      this.#keptBytes += length;
    }
    this.#timer ??= setInterval(() => this.trim(), TRIM_MS).unref();
  }

  /** Frees the buffers that were not needed since the last trim. */
  trim(): void {
    for (const found of this.#classes) {
      if (found === undefined) continue;
      const { free, low } = found;
      for (const one of free.splice(0, low)) {
        this.#keptBytes -= one.bytes.length;
        this.#freedBytes += one.bytes.length;
        freeBytes(one.bytes);
      }
      found.low = free.length;
    }
    if (this.#freedBytes >= WORTH_RETURNING_BYTES) returnFreed();
    this.#freedBytes = 0;
    if (this.#keptBytes > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #indexOf(size: number): number {
    return size <= this.#options.smallest ? 0 : 32 - Math.clz32(size - 1) - this.#shift;
  }
}
