import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { Reads } from './reads.ts';
import { chosen, type Replicas } from './replicas.ts';
import { type Consequences, newOwner, Runner } from './transaction/runner.ts';

/** The range that bricks keep apart from the bytes of the file, so that changes of attributes and of data do not wait for each other. */
const RANGE = { start: 0x7fff_ffff_ffff_fffen, length: 0n } as const;

/** Changes of attributes: each in a transaction of its own, one after the other for an object. */
export class MetadataChanges {
  readonly #replicas: Replicas;
  readonly #reads: Reads;
  readonly #then: Consequences;
  /** The end of the last transaction of each object. */
  readonly #last = new Map<string, Promise<void>>();

  constructor(replicas: Replicas, reads: Reads, then: Consequences) {
    this.#replicas = replicas;
    this.#reads = reads;
    this.#then = then;
  }

  async change<R>(frame: Frame, inode: Inode, call: (child: Xlator, i: number) => Promise<R>): Promise<R> {
    const key = inode.gfid.toString('latin1');
    const before = this.#last.get(key);
    const { promise: turn, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, turn);
    let runner: Runner | undefined;
    try {
      await before;
      const trusted = await this.#reads.trusted(frame, inode);
      runner = this.#begin(frame, inode);
      return chosen(this.#replicas, await runner.do('durable', call), inode.gfid, trusted);
    } finally {
      if (runner === undefined) resolve();
      else void runner.over.then(resolve);
      void turn.then(() => {
        if (this.#last.get(key) === turn) this.#last.delete(key);
      });
    }
  }

  #begin(frame: Frame, inode: Inode): Runner {
    const { children, isQuorum, arbiters, name, changelog } = this.#replicas;
    const own = ownFrame(frame, newOwner());
    const setting = { count: children.length, isQuorum, arbiters, locks: 1, durable: false } as const;
    return new Runner(
      this.#replicas,
      { ...setting, kind: 'metadata', single: true, creates: false, undoes: false },
      {
        gfid: inode.gfid,
        lock: (child, _id, wait) => child.inodelk(own, name, inode, { type: 'write', ...RANGE }, wait),
        unlock: child => child.inodelk(own, name, inode, { type: 'unlock', ...RANGE }, false),
        mark: (child, { do: step, whom, dirty }) =>
          child.xattrop(own, inode, 'add32', changelog.change('metadata', whom, step === 'pre-op' ? 1 : dirty)),
        sync: () => Promise.resolve(),
        undo: () => Promise.resolve(),
      },
      this.#then,
    );
  }
}
