/**
 * Buffers that are used again: a fresh buffer of 1 MiB costs more than reading a file into it. One pool per thread;
 * sizes are powers of two, and what a burst needed is kept only up to a bound.
 */
const SMALLEST_BITS = 14; // 16 KiB
const KEPT_BYTES_MAX = 32 * 1024 * 1024;

export class BufferPool {
  readonly #free: Buffer[][] = [];
  #keptBytes = 0;

  /** A buffer of at least `size` bytes, with anything in it. */
  take(size: number): Buffer {
    const index = indexOf(size);
    const buffer = this.#free[index]?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(2 ** (SMALLEST_BITS + index));
    this.#keptBytes -= buffer.length;
    return buffer;
  }

  /** Gives a buffer back that nobody looks at any more; one that is not of {@link take}'s sizes is left to the GC. */
  give(buffer: Buffer): void {
    if (buffer.length !== 2 ** (SMALLEST_BITS + indexOf(buffer.length))) return;
    if (this.#keptBytes + buffer.length > KEPT_BYTES_MAX) return;
    this.#keptBytes += buffer.length;
    (this.#free[indexOf(buffer.length)] ??= []).push(buffer);
  }
}

function indexOf(size: number): number {
  return Math.max(0, 32 - Math.clz32(size - 1) - SMALLEST_BITS);
}

/** The thread's pool. */
export const buffers = new BufferPool();
