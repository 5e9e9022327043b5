/** Runs what reads and changes the bytes of files, and completes first what is incomplete on the bricks. */
import { errnoOf, FsError } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { OWN } from '../../../../graph/own-frame.ts';
import type { Wish } from '../lock/events.ts';
import { type Done, Failed, type Held } from '../lock/inode-lock.ts';
import type { Locks } from '../lock/locks.ts';
import type { Volume } from '../volume.ts';
import { writing } from '../wishes.ts';
import { type Tear, Torn } from './torn.ts';

const TORN = Symbol('torn');

export class Bytes {
  readonly #volume: Volume;
  readonly #locks: Locks;
  readonly #torn = new Torn();

  constructor(volume: Volume, locks: Locks) {
    this.#volume = volume;
    this.#locks = locks;
  }

  /** How many changes are incomplete. */
  get incomplete(): number {
    return this.#torn.count;
  }

  /** Runs an operation under the lock of the inode. */
  async run<T>(frame: Frame, inode: Inode, wish: Wish, body: (held: Held) => Promise<Done<T>>): Promise<T> {
    for (;;) {
      if (this.#torn.count !== 0) await this.#completeFor(inode, wish);
      const result = await this.#locks.run<T | typeof TORN>(frame, inode, wish, held =>
        // What ran before may have failed while this one waited for its turn.
        this.#torn.count !== 0 && this.#torn.first(inode, wish) ? Promise.resolve({ result: TORN }) : body(held),
      );
      if (result !== TORN) return result;
    }
  }

  /** Makes a change of bytes. If too few bricks make it, and it may be on some, it is kept as `tear`. */
  async change<T>(held: Held, make: () => Promise<Done<T>>, tear: () => Tear): Promise<Done<T>> {
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof Failed) || !error.isUnsure) throw error;
      this.#keep(tear());
      throw new Failed(error.cause, { changed: 'data', missed: held.good });
    }
  }

  #keep(tear: Tear): void {
    const { log, name } = this.#volume;
    const shown = ({ inode, from, to }: Tear) => ({ gfid: inode.gfid.toString('hex'), from, to });
    log.error(shown(tear), `a change has reached some bricks of ${name} only, and is to be made again`);
    for (const one of this.#torn.add(tear)) {
      log.error(shown(one), `too many changes are incomplete: this one stays so, and these bytes may be wrong`);
    }
  }

  /** Completes what it can: bricks have come back. */
  completeAll(): void {
    for (const tear of this.#torn.all()) void this.#complete(tear).catch(() => {}); // what needs it tries again
  }

  async #completeFor(inode: Inode, wish: Wish): Promise<void> {
    for (;;) {
      const tear = this.#torn.first(inode, wish);
      if (tear === undefined) return;
      try {
        await this.#complete(tear);
      } catch (error) {
        if (wish.exclusive || errnoOf(error) === 'ENOTCONN') throw error;
        throw new FsError('EIO', `EIO: too few bricks of ${this.#volume.name} have the same of what was written last`);
      }
    }
  }

  async #complete(tear: Tear): Promise<void> {
    const torn = this.#torn;
    try {
      await this.#locks.run(OWN, tear.inode, writing(tear.from, tear.to), async held => {
        if (!torn.has(tear)) return { result: undefined };
        const done = await tear.again(held).catch((error: unknown) => {
          const cause = error instanceof Failed ? error.cause : error;
          throw new Failed(cause, { changed: 'data', missed: held.good });
        });
        torn.remove(tear);
        return done;
      });
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT' || code === 'ESTALE') torn.remove(tear); // the file is gone
      throw error;
    }
  }
}
