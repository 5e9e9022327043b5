/** Buffers for reading into. */
import koffi from 'koffi';
import { BufferPool, type Pooled } from '../../../../sys/process/buffer-pool.ts';

/** A buffer that is used again, and the iovec that names it to preadv2(2). */
export interface PooledBuffer extends Pooled {
  readonly iovec: Buffer;
}

export type ReadBuffers = BufferPool<PooledBuffer>;

const KiB = 1024;

export function readBuffers(): ReadBuffers {
  return new BufferPool({ smallest: 4 * KiB, largest: 4 * KiB * KiB, keptMax: 32 * KiB * KiB, make });
}

const PAGE_BYTES = 4096;

/**
 * Returns a buffer that begins at a page. malloc often places a large buffer 16 bytes after the beginning of a page,
 * and the kernel copies to such an address at a fifth of its speed.
 */
function aligned(size: number): Buffer {
  const whole = Buffer.allocUnsafeSlow(size + PAGE_BYTES);
  const at = -Number(koffi.address(whole)) & (PAGE_BYTES - 1);
  return whole.subarray(at, at + size);
}

function make(size: number): PooledBuffer {
  const bytes = aligned(size);
  const iovec = Buffer.alloc(16);
  iovec.writeBigUInt64LE(koffi.address(bytes), 0);
  iovec.writeUInt32LE(size, 8);
  return { bytes, iovec };
}
