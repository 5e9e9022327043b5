/**
 * The brick's open descriptors, bounded: the one used longest ago is closed first, and those that nobody has used for
 * some time are, so that removed files give back their space and file systems can be unmounted.
 *
 * An operation in the thread pool pins the descriptor it works on: it is then closed only when the last pin is gone.
 */
import { close } from '../../../../sys/libc.ts';
import type { PosixObject } from './object.ts';

/** `path` is O_PATH, `file` open for input and output, `list` a directory's listing. */
export type Kind = 'path' | 'file' | 'list';

export class Descriptor {
  readonly fd: number;
  readonly owner: PosixObject;
  readonly cache: DescriptorCache;
  readonly writable: boolean;
  /** Written through since the last successful sync that covers it. */
  dirty = false;
  /** When it was used last, in the cache's ticks. */
  tick = 0;
  /** Not (or no more) in the cache; once it was, it is closed as soon as it is not pinned. */
  dropped = false;
  #pins = 0;
  /** Neighbours in the order of use. */
  newer: Descriptor | undefined;
  older: Descriptor | undefined;

  constructor(fd: number, owner: PosixObject, cache: DescriptorCache, writable: boolean) {
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
   * The same for a descriptor that is open for writing. Until it is closed the file can be neither executed here nor
   * leased.
   */
  readonly idleWritableTicks?: number;
  /**
   * The same for a descriptor on a file system that is mounted below the volume. Until it is closed that cannot be
   * unmounted.
   */
  readonly idleBelowTicks?: number;
  /** Closes a descriptor, and returns when that is done. */
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

  add(owner: PosixObject, fd: number, writable = false): Descriptor {
    if (this.#count >= this.#options.max) this.evict(1);
    const descriptor = new Descriptor(fd, owner, this, writable);
    descriptor.tick = this.#tick;
    owner.mount.open += 1;
    this.#link(descriptor);
    return descriptor;
  }

  /** Notes that it is used now. */
  use(descriptor: Descriptor): void {
    descriptor.tick = this.#tick;
    if (descriptor === this.#newest || descriptor.dropped) return;
    this.#unlink(descriptor);
    this.#link(descriptor);
  }

  /** Takes it out, and closes it once it is not pinned. */
  drop(descriptor: Descriptor): void {
    if (descriptor.dropped) return;
    descriptor.dropped = true;
    this.#unlink(descriptor);
    descriptor.owner.lost(this.#options.kind, descriptor);
    if (!descriptor.pinned) this.finish(descriptor);
  }

  finish(descriptor: Descriptor): void {
    descriptor.owner.mount.open -= 1;
    if (this.#options.close) this.#options.close(descriptor);
    else close(descriptor.fd);
  }

  /** Closes at least `count` descriptors, if there are as many that nobody works on. Answers how many it closed. */
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
