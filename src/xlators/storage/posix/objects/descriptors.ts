/**
 * The brick's open descriptors, whose number is bounded: the one used longest ago is closed first. Descriptors that
 * were not used for some time are closed too, so that removed files give back their space and file systems can be
 * unmounted.
 *
 * An operation in the thread pool pins the descriptor it works on, which is then closed only when the last pin is gone.
 */
import { close } from '../../../../sys/libc.ts';

/** `path` is O_PATH, `file` is open for input and output, `list` is for a directory's listing. */
export type Kind = 'path' | 'file' | 'list';

/** The object that a descriptor is of. */
export interface Owner {
  readonly mount: {
    /** The number of open descriptors on this mount. */
    open: number;
    readonly closesSoon: boolean;
  };
  /** Called when the cache has dropped the descriptor. */
  lost(kind: Kind, descriptor: Descriptor): void;
}

export class Descriptor {
  readonly fd: number;
  readonly owner: Owner;
  readonly cache: DescriptorCache;
  readonly writable: boolean;
  /** Whether it was written through since the last successful sync that covers it. */
  dirty = false;
  /** The tick of the cache in which it was used last. */
  tick = 0;
  /** Whether it is not in the cache. One that was dropped from there is closed as soon as it is not pinned. */
  dropped = false;
  #pins = 0;
  /** The neighbours in the order of use. */
  newer: Descriptor | undefined;
  older: Descriptor | undefined;

  constructor(fd: number, owner: Owner, cache: DescriptorCache, writable: boolean) {
    this.fd = fd;
    this.owner = owner;
    this.cache = cache;
    this.writable = writable;
  }

  get pinned(): boolean {
    return this.#pins > 0;
  }

  pin(): void {
    this.#pins += 1;
  }

  unpin(): void {
    this.#pins -= 1;
    if (this.#pins === 0 && this.dropped) this.cache.finish(this);
  }
}

export interface CacheOptions {
  readonly kind: Kind;
  readonly max: number;
  /** Ticks of disuse after which a descriptor is closed. */
  readonly idleTicks: number;
  /**
   * Ticks of disuse after which a descriptor that is open for writing is closed. Until then the file can be neither
   * executed here nor leased.
   */
  readonly idleWritableTicks?: number;
  /**
   * Ticks of disuse after which a descriptor on a file system that is mounted below the volume is closed. Until then
   * the file system cannot be unmounted.
   */
  readonly idleBelowTicks?: number;
  /** Closes a descriptor; close(2) by default. */
  readonly close?: (descriptor: Descriptor) => void;
}

export class DescriptorCache {
  readonly #options: CacheOptions;
  #newest: Descriptor | undefined;
  #oldest: Descriptor | undefined;
  #count = 0;
  #tick = 0;

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  /** Takes over `fd`. */
  add(owner: Owner, fd: number, writable = false): Descriptor {
    if (this.#count >= this.#options.max) this.evict(1);
    const descriptor = new Descriptor(fd, owner, this, writable);
    descriptor.tick = this.#tick;
    owner.mount.open += 1;
    this.#link(descriptor);
    return descriptor;
  }

  /** Must be called at each use of a descriptor. */
  use(descriptor: Descriptor): void {
    descriptor.tick = this.#tick;
    if (descriptor === this.#newest || descriptor.dropped) return;
    this.#unlink(descriptor);
    this.#link(descriptor);
  }

  /** Removes a descriptor from the cache, and closes it as soon as it is not pinned. */
  drop(descriptor: Descriptor): void {
    if (descriptor.dropped) return;
    descriptor.dropped = true;
    this.#unlink(descriptor);
    descriptor.owner.lost(this.#options.kind, descriptor);
    if (!descriptor.pinned) this.finish(descriptor);
  }

  /** Closes a descriptor that was dropped. */
  finish(descriptor: Descriptor): void {
    descriptor.owner.mount.open -= 1;
    if (this.#options.close) this.#options.close(descriptor);
    else close(descriptor.fd);
  }

  /** Closes `count` descriptors, or fewer if all others are pinned. Returns how many it has closed. */
  evict(count: number): number {
    let evicted = 0;
    for (let at = this.#oldest; at !== undefined && evicted < count;) {
      const next = at.newer;
      if (!at.pinned) {
        this.drop(at);
        evicted += 1;
      }
      at = next;
    }
    return evicted;
  }

  /**
   * Must be called at regular intervals. Closes descriptors that were idle for too long. `hasBelow` says whether
   * something is mounted below the root.
   */
  tick(hasBelow = false): void {
    this.#tick += 1;
    const { idleTicks, idleWritableTicks = idleTicks, idleBelowTicks = idleTicks } = this.#options;
    const soonest = Math.min(idleTicks, idleWritableTicks, hasBelow ? idleBelowTicks : idleTicks);
    for (let at = this.#oldest; at !== undefined && this.#tick - at.tick >= soonest;) {
      const next = at.newer;
      const idle = this.#tick - at.tick;
      const allowed = at.writable ? idleWritableTicks : at.owner.mount.closesSoon ? idleBelowTicks : idleTicks;
      if (!at.pinned && idle >= allowed) this.drop(at);
      at = next;
    }
  }

  clear(): void {
    while (this.#oldest) this.drop(this.#oldest);
  }

  #link(descriptor: Descriptor): void {
    descriptor.newer = undefined;
    descriptor.older = this.#newest;
    if (this.#newest) this.#newest.newer = descriptor;
    this.#newest = descriptor;
    this.#oldest ??= descriptor;
    this.#count += 1;
  }

  #unlink(descriptor: Descriptor): void {
    if (descriptor.newer) descriptor.newer.older = descriptor.older;
    else this.#newest = descriptor.older;
    if (descriptor.older) descriptor.older.newer = descriptor.newer;
    else this.#oldest = descriptor.newer;
    descriptor.newer = descriptor.older = undefined;
    this.#count -= 1;
  }
}
