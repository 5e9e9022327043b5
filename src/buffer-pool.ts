/**
 * Buffers that are used again, in sizes that double: a fresh one of 1 MiB costs more than reading 1 MiB into it. What a
 * burst needed is kept only up to a bound, and what has not been needed for a while goes back to the system.
 */
import { freeBytes, returnFreed } from './sys/memory.ts';

/** What a pool holds: a buffer, with whatever else belongs to it. */
export interface Pooled {
  readonly bytes: Buffer;
}

export interface PoolOptions<T extends Pooled> {
  /** Bytes; a power of two, as is `largest`. Larger buffers than that are not kept. */
  readonly smallest: number;
  readonly largest: number;
  readonly keptMax: number;
  /** Makes one of exactly `size` bytes, with an ArrayBuffer of its own. */
  readonly make: (size: number) => T;
}

/** What was not taken for this long is given back. */
const TRIM_MS = 5_000;
/** Less is not worth asking the allocator to give it back to the system. */
const WORTH_RETURNING_BYTES = 4 * 1024 * 1024;

interface SizeClass<T> {
  readonly free: T[];
  /** The fewest that were free since the last trim: so many were not needed. */
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

  /** Bytes that are kept, and in no use. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** How large the one is that {@link take} gives for `size` bytes. */
  sizeFor(size: number): number {
    return size > this.#options.largest ? size : 2 ** (this.#shift + this.#indexOf(size));
  }

  /** One of at least `size` bytes, with whatever was in it. */
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

  /** Gives one back that nothing looks at any more: its memory may be gone at once. */
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

  /** Frees what was not needed since the last trim. */
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
