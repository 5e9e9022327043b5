/** The open descriptors of one brick in one stage. */
import { ERRNO } from '../../../../errno.ts';
import { systemError } from '../../../../sys/failure.ts';
import { errno } from '../../../../sys/libc.ts';
import { type Descriptor, DescriptorCache } from './descriptors.ts';

/** Descriptors are closed after this many ticks of disuse. */
const IDLE_TICKS = 60;
/**
 * A file that is open for writing is closed after this many ticks of disuse. Until then it cannot be executed on this
 * machine.
 */
const IDLE_WRITABLE_TICKS = 2;
/**
 * Descriptors on a file system that is mounted below the volume are closed after this many ticks of disuse. Until then
 * it cannot be unmounted.
 */
const IDLE_BELOW_TICKS = 2;

/** How many descriptors each cache may hold. */
export interface CacheLimits {
  readonly paths: number;
  readonly files: number;
  readonly lists: number;
}

export class DescriptorCaches {
  readonly paths: DescriptorCache;
  readonly files: DescriptorCache;
  readonly lists: DescriptorCache;
  readonly #all: readonly DescriptorCache[];

  /** `closeFile` closes the descriptor of a file, through which something may have been written. */
  constructor({ paths, files, lists }: CacheLimits, closeFile: (descriptor: Descriptor) => void) {
    const idle = { idleTicks: IDLE_TICKS, idleBelowTicks: IDLE_BELOW_TICKS };
    this.paths = new DescriptorCache({ kind: 'path', max: paths, ...idle });
    this.files = new DescriptorCache({
      kind: 'file',
      max: files,
      ...idle,
      idleWritableTicks: IDLE_WRITABLE_TICKS,
      close: closeFile,
    });
    this.lists = new DescriptorCache({ kind: 'list', max: lists, ...idle });
    this.#all = [this.paths, this.files, this.lists];
  }

  /**
   * Returns the descriptor that `open` opens. If too many are open, half of the cached ones are closed, and `open` is
   * tried once more.
   */
  opened(open: () => number, what: string): number {
    let fd = open();
    if (fd >= 0) return fd;
    let number = errno();
    if (number === ERRNO.EMFILE || number === ERRNO.ENFILE || number === ERRNO.ENOMEM) {
      for (const cache of this.#all) cache.evict(1 + (cache.count >> 1));
      fd = open();
      if (fd >= 0) return fd;
      number = ERRNO.EJUKEBOX;
    }
    throw systemError(number, what);
  }

  /** Must be called at regular intervals: see {@link DescriptorCache.tick}. */
  tick(hasBelow: boolean): void {
    for (const cache of this.#all) cache.tick(hasBelow);
  }

  clear(): void {
    for (const cache of this.#all) cache.clear();
  }
}
