/** Memory that is given back to the system at a known moment, not when a collection or the allocator gets round to it. */
import koffi from 'koffi';

type Trim = { async(pad: number, done: () => void): void };

/** glibc's; other C libraries have none, and need none. */
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

/** Has the allocator give back to the system what has been freed, on a thread of the pool: it takes milliseconds. */
export function returnFreed(): void {
  if (trimming || mallocTrim === undefined) return;
  trimming = true;
  mallocTrim.async(0, () => (trimming = false));
}
