/**
 * Gives memory back to the system at a known moment, instead of whenever the garbage collector or the allocator would.
 */
import koffi from 'koffi';

type Trim = { async(pad: number, done: () => void): void };

/** malloc_trim of glibc. Other C libraries do not have it, and do not need it. */
const mallocTrim = ((): Trim | undefined => {
  try {
    return koffi.load(null).func('int malloc_trim(size_t)') as unknown as Trim;
  } catch {
    return undefined;
  }
})();

/** Frees the memory of a buffer that has an ArrayBuffer of its own, which nothing may look at afterwards. */
export function freeBytes(buffer: Buffer): void {
  (buffer.buffer as ArrayBuffer).transfer(0);
}

let trimming = false;

/**
 * Makes the allocator return freed memory to the system. It runs in a thread of the pool, since it takes milliseconds.
 */
export function returnFreed(): void {
  if (trimming || mallocTrim === undefined) return;
  trimming = true;
  mallocTrim.async(0, () => (trimming = false));
}
