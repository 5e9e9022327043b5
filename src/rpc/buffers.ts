/** The thread's pool of buffers for records and replies. */
import { BufferPool, type Pooled } from '../sys/process/buffer-pool.ts';

const KiB = 1024;

export const buffers = new BufferPool<Pooled>({
  smallest: 4 * KiB,
  largest: 4 * KiB * KiB,
  keptMax: 32 * KiB * KiB,
  make: size => ({ bytes: Buffer.allocUnsafeSlow(size) }),
});
