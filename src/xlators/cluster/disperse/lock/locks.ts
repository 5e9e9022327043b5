/** The locks of a volume that are held or asked for, by gfid. */
import { gfidKey } from '../../../../graph/gfid.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Volume } from '../volume.ts';
import type { Wish } from './events.ts';
import { type Done, type Held, InodeLock } from './inode-lock.ts';

/** Milliseconds in which all locks should be given up when the graph stops. */
const CLOSING = 5000;

export class Locks {
  readonly #volume: Volume;
  readonly #locks = new Map<string, InodeLock>();
  #emptied: (() => void) | undefined;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  get count(): number {
    return this.#locks.size;
  }

  /** Runs an operation on an inode under its lock. */
  run<T>(frame: Frame, inode: Inode, wish: Wish, body: (held: Held) => Promise<Done<T>>): Promise<T> {
    const key = gfidKey(inode.gfid);
    let lock = this.#locks.get(key);
    if (lock === undefined) {
      const idle = () => this.#remove(key);
      lock = new InodeLock(this.#volume, inode, ownFrame(frame, this.#volume.newOwner()), idle);
      this.#locks.set(key, lock);
    }
    return lock.run(wish, body);
  }

  /** The size of a file as this process knows it. Undefined if only the bricks know it. */
  sizeOf(gfid: Buffer): number | undefined {
    return this.#locks.size === 0 ? undefined : this.#locks.get(gfidKey(gfid))?.size;
  }

  /** Another client waits for the lock on an object. */
  contention(gfid: Buffer): void {
    this.#locks.get(gfidKey(gfid))?.send({ is: 'contention' });
  }

  /** A brick has come up or gone down. */
  changed(brick: number, isUp: boolean): void {
    for (const lock of this.#locks.values()) lock.send({ is: isUp ? 'up' : 'down', brick });
  }

  /** Gives all locks up. Resolves when that has been done, or when it takes too long. */
  close(): Promise<void> {
    for (const lock of this.#locks.values()) lock.send({ is: 'contention' });
    if (this.#locks.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSING);
    this.#emptied = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  #remove(key: string): void {
    this.#locks.delete(key);
    if (this.#locks.size === 0) this.#emptied?.();
  }
}
