/** The thread pool of the process (libuv's), which all its threads share. */

/** The number of threads. A waiting thread costs its stack, of which it has used a few KiB. */
const THREADS = 64;
/** Threads that no brick may take: they are for the control socket, state files and name look-ups. */
const RESERVED = 16;
/** More calls of one file system at a time do not make a disk faster. */
const FILE_SYSTEM_MAX = 16;

/**
 * Sets the size of the pool. Must be called before the first call in the pool. An administrator's UV_THREADPOOL_SIZE is
 * left alone.
 */
export function sizeThreadPool(): void {
  process.env['UV_THREADPOOL_SIZE'] ??= `${THREADS}`;
}

function threads(): number {
  const size = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
  return Number.isInteger(size) && size > 0 ? Math.min(size, 1024) : 4;
}

/** How many calls one of `stages` stages may have in the pool for one of `bricks` bricks: at least one. */
export function poolShare(stages: number, bricks: number): number {
  const all = Math.max(1, threads() - Math.min(RESERVED, threads() >> 2));
  return Math.max(1, Math.floor(Math.min(FILE_SYSTEM_MAX, all / bricks) / stages));
}
