import type { Frame } from '../../../graph/frame.ts';
import { gfidKey } from '../../../graph/gfid.ts';
import type { Inode } from '../../../graph/inode.ts';
import { ownFrame, unhurried } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { ended } from './ended.ts';
import type { Reads } from './reads.ts';
import { chosen, type Replicas } from './replicas.ts';
import { Expected } from './transaction/expected.ts';
import { type Consequences, newOwner, Runner } from './transaction/runner.ts';

/** The range that bricks keep apart from the bytes of the file, so that changes of attributes and of data do not wait for each other. */
const RANGE = { start: 0x7fff_ffff_ffff_fffen, length: 0n } as const;

/** How long a lock is kept for a change that is expected, in milliseconds. */
const READY_MS = 200;

/** The transaction of one change. */
interface Turn {
  /** Resolves when it is over. */
  readonly over: Promise<void>;
  /** Another change, or another client, waits until it is over. Otherwise its locks are given up when there is time. */
  isAwaited: boolean;
  /** The transaction of a change that is expected, and has not come yet. */
  ready: Runner | undefined;
}

/** Changes of attributes: each in a transaction of its own, one after the other for an object. */
export class MetadataChanges {
  readonly #replicas: Replicas;
  readonly #reads: Reads;
  readonly #then: Consequences;
  /** The last transaction of each object. */
  readonly #last = new Map<string, Turn>();
  /** Those that are ready for a change. */
  readonly #ready = new Set<Turn>();
  readonly #expected = new Expected();

  constructor(replicas: Replicas, reads: Reads, then: Consequences) {
    this.#replicas = replicas;
    this.#reads = reads;
    this.#then = then;
  }

  async change<R>(frame: Frame, inode: Inode, call: (child: Xlator, i: number) => Promise<R>): Promise<R> {
    const key = gfidKey(inode.gfid);
    this.#expected.second(key);
    const before = this.#last.get(key);
    const ready = before === undefined ? undefined : this.#take(before);
    if (ready !== undefined) {
      const trusted = this.#reads.trusted(frame, inode);
      if (ready.isOpen && typeof trusted === 'number') {
        const answers = ready.do('durable', call);
        ready.close();
        return chosen(this.#replicas, await answers, inode.gfid, trusted);
      }
      ready.close();
    }
    const { turn, end } = this.#turn(key);
    let runner: Runner | undefined;
    try {
      if (before !== undefined) {
        this.#hurry(before);
        await before.over;
      }
      const trusted = this.#reads.trusted(frame, inode);
      const trustedNow = typeof trusted === 'number' ? trusted : await trusted;
      runner = this.#begin(frame, inode, turn, true);
      return chosen(this.#replicas, await runner.do('durable', call), inode.gfid, trustedNow);
    } finally {
      if (runner === undefined) end();
      else void runner.over.then(end);
    }
  }

  /**
   * A file has been written to. If the attributes of others were changed soon after that, it is locked for the change
   * already, which is a round trip shorter then.
   */
  written(frame: Frame, inode: Inode): void {
    const key = gfidKey(inode.gfid);
    if (this.#last.has(key) || !this.#expected.first(key)) return;
    const { options, isWhole } = this.#replicas;
    if (!isWhole || !options['eager-lock']) return;
    const { turn, end } = this.#turn(key);
    const runner = this.#begin(frame, inode, turn, false);
    turn.ready = runner;
    this.#ready.add(turn);
    const timer = setTimeout(() => this.#take(turn)?.close(), READY_MS).unref();
    void runner.over.then(() => {
      clearTimeout(timer);
      this.#take(turn);
      end();
    });
    runner.start();
  }

  /** Another client waits for the lock. */
  giveUp(gfid: Buffer): void {
    const turn = this.#last.get(gfidKey(gfid));
    if (turn !== undefined) this.#giveUp(turn);
  }

  /**
   * A child has gone down, or come up. What was locked before says nothing about which children can be trusted now: the
   * change that comes locks it again, and makes marks before.
   */
  childChanged(): void {
    for (const turn of this.#ready) this.#giveUp(turn);
  }

  /** Gives up what is locked for changes that have not come, as {@link ended} says. */
  end(): Promise<void> {
    const turns = [...this.#ready];
    this.childChanged();
    return ended(Promise.all(turns.map(({ over }) => over)));
  }

  #giveUp(turn: Turn): void {
    const ready = this.#take(turn);
    if (ready === undefined) return;
    this.#hurry(turn);
    ready.close();
  }

  /** The transaction that is ready, if one is. The caller does the change in it, or closes it. */
  #take(turn: Turn): Runner | undefined {
    const { ready } = turn;
    turn.ready = undefined;
    this.#ready.delete(turn);
    return ready;
  }

  #turn(key: string) {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const turn: Turn = { over, isAwaited: false, ready: undefined };
    this.#last.set(key, turn);
    const end = () => {
      resolve();
      if (this.#last.get(key) === turn) this.#last.delete(key);
    };
    return { turn, end };
  }

  #hurry(turn: Turn): void {
    turn.isAwaited = true;
    this.#replicas.hurry();
  }

  #begin(frame: Frame, inode: Inode, turn: Turn, single: boolean): Runner {
    const { children, isQuorum, arbiters, name, changelog } = this.#replicas;
    const own = ownFrame(frame, newOwner());
    const later = unhurried(own);
    const setting = { count: children.length, isQuorum, arbiters, locks: 1, durable: false } as const;
    return new Runner(
      this.#replicas,
      { ...setting, kind: 'metadata', single, creates: false, undoes: false },
      {
        lock: (child, _id, wait) => {
          if (wait) this.#hurry(turn); // Another client competes, and what was locked has been given up for it.
          return child.inodelk(own, name, inode, { type: 'write', ...RANGE }, wait);
        },
        unlock: child => child.inodelk(turn.isAwaited ? own : later, name, inode, { type: 'unlock', ...RANGE }, false),
        mark: async (child, call) =>
          changelog.accused(await child.xattrop(own, inode, 'add32', changelog.change('metadata', call))).metadata,
        sync: () => Promise.resolve(),
        undo: () => Promise.resolve(),
        splitBrain: () => this.#then.splitBrain(inode.gfid, 'metadata'),
      },
      this.#then,
    );
  }
}
