/**
 * Small buffers that are kept for a long time, such as ids and handles, share slabs. In Buffer's own pool they would
 * stand among short-lived bytes, and each would keep 64 KiB of those alive; an ArrayBuffer for each would take ten times
 * the bytes of an id.
 */
const SLAB_BYTES = 4096;

let slab = Buffer.alloc(0);
let filled = 0;

/** Returns `size` zero bytes. */
export function keptBytes(size: number): Buffer {
  if (size > slab.length - filled) {
    slab = Buffer.alloc(Math.max(SLAB_BYTES, size));
    filled = 0;
  }
  const at = filled;
  filled += size;
  return slab.subarray(at, filled);
}

/** Copies bytes out of a buffer that will be used for something else. */
export function keptCopy(bytes: Uint8Array): Buffer {
  const copy = keptBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

/**
 * A copy in an ArrayBuffer of its own, for bytes that are kept for a limited time. In a slab they would outlive their
 * use, because bytes beside them that are kept for longer keep the slab alive.
 */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
