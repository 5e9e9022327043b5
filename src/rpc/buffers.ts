/** The thread's pool of buffers for records and replies. */
import { viewOf } from '#protocols/xdr/stream.ts';
import { BufferPool, type Pooled } from '../sys/process/buffer-pool.ts';

const KiB = 1024;

/** A buffer with its view, which takes longer to make than to use. */
export interface Slab extends Pooled {
  readonly view: DataView;
}

export const buffers = new BufferPool<Slab>({
  smallest: 4 * KiB,
  largest: 4 * KiB * KiB,
  keptMax: 32 * KiB * KiB,
  make: size => {
    const bytes = Buffer.allocUnsafeSlow(size);
    return { bytes, view: viewOf(bytes) };
  },
});
