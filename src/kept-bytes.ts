/**
 * Small buffers that are kept for long: ids, handles. In Buffer's own pool they would stand among bytes that pass, and
 * each would keep 64 KiB of those alive; an ArrayBuffer of its own would take ten times an id's bytes.
 */
const SLAB_BYTES = 4096;

let slab = Buffer.alloc(0);
let filled = 0;

/** `size` zero bytes. */
export function keptBytes(size: number): Buffer {
  if (size > slab.length - filled) {
    slab = Buffer.alloc(Math.max(SLAB_BYTES, size));
    filled = 0;
  }
  const at = filled;
  filled += size;
  return slab.subarray(at, filled);
}

/** A copy of what stands in a buffer that will be used again. */
export function keptCopy(bytes: Uint8Array): Buffer {
  const copy = keptBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

/**
 * A copy in an ArrayBuffer of its own, for bytes that are kept for a limited time. In a slab they would outlive their
 * use, because lasting bytes beside them keep the slab alive.
 */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
