import koffi from 'koffi';

/** A buffer that is used again, and the iovec that names it to preadv2(2). */
export interface PooledBuffer {
  readonly bytes: Buffer;
  readonly iovec: Buffer;
}

const SMALLEST = 4096;
/** Bytes: larger ones are not kept. */
const LARGEST = 4 * 1024 * 1024;
const KEPT_MAX = 32 * 1024 * 1024;

/** Buffers for reading into, in sizes that double. A fresh one of 1 MiB costs more than reading 1 MiB does. */
export class BufferPool {
  readonly #free: PooledBuffer[][] = [];
  #kept = 0;

  /** One of at least `size` bytes, with whatever was in it. */
  take(size: number): PooledBuffer {
    const free = this.#free[classOf(size)]?.pop();
    if (!free) return make(size > LARGEST ? size : SMALLEST << classOf(size));
    this.#kept -= free.bytes.length;
    return free;
  }

  give(buffer: PooledBuffer): void {
    const { length } = buffer.bytes;
    if (length > LARGEST || this.#kept + length > KEPT_MAX) return;
    this.#kept += length;
    (this.#free[classOf(length)] ??= []).push(buffer);
  }
}

const classOf = (size: number): number => (size <= SMALLEST ? 0 : 32 - Math.clz32((size - 1) >> 12));

function make(size: number): PooledBuffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  const iovec = Buffer.alloc(16);
  iovec.writeBigUInt64LE(koffi.address(bytes), 0);
  iovec.writeUInt32LE(size, 8);
  return { bytes, iovec };
}
