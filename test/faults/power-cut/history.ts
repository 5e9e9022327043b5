/**
 * The names of a worker after each answered change. After a power cut the disk must hold the names of one of these
 * states.
 */
import { holds } from '../../soak/model/answer.ts';
import { difference, type Names, sameNames } from './namespace.ts';
import type { Promised } from './promised.ts';

export interface Thing {
  readonly type: 'f' | 'd' | 'l';
  readonly fileid: bigint;
  readonly handle: Buffer;
  mode: number;
  readonly bytes: Promised;
  /** The verifier of an exclusive creation, until something is done with the file. */
  verf?: Buffer | undefined;
  /**
   * The state in which its inode was last changed for certain, that is, created or extended. Syncing the file brings
   * the journal up to that state to the disk. (Overwriting bytes within one tick of the clock changes no inode, and the
   * sync needs no journal.)
   */
  changedAt?: number;
}

/** The objects by their paths. */
export type Things = ReadonlyMap<string, Thing>;

interface State {
  readonly names: Names;
  /** The objects that have the names. Undefined for a change that was not answered. */
  readonly things: Things | undefined;
}

export class History {
  #states: State[] = [];
  #unanswered: State | undefined;
  /** The first of the states that the disk may be in. */
  #from = 0;
  /** How many answered changes were lost by cuts. */
  lost = 0;

  /** Begins with what is on the disk. */
  begin(names: Names, things: Things): void {
    this.#states = [{ names, things: new Map(things) }];
    this.#unanswered = undefined;
    this.#from = 0;
  }

  get names(): Names {
    return this.#states.at(-1)!.names;
  }

  /** The number of the current state, for {@link sure}. */
  get now(): number {
    return this.#states.length - 1;
  }

  /** Notes that a change is sent which leads to `names`. */
  sending(names: Names): void {
    this.#unanswered = { names, things: undefined };
  }

  answered(names: Names, things: Things): void {
    this.#states.push({ names, things: new Map(things) });
    this.#unanswered = undefined;
  }

  /** Notes that the disk holds that state or a later one. */
  sure(state: number): void {
    this.#from = Math.max(this.#from, state);
  }

  /**
   * Finds the objects that each name on the disk may belong to. Several states may have the same names, and a file id
   * may have been used again, so only handles tell. @throws {Mismatch} if the names were never like that, or not since
   * the last promise
   */
  match(found: Names, home: string): Map<string, Thing[]> {
    const states = [...this.#states, ...(this.#unanswered ? [this.#unanswered] : [])];
    const at = states.findLastIndex(({ names }) => sameNames(found, names));
    if (at < 0) holds(false, `${home} never had these names: ${difference(found, this.names)}`);
    const gone = difference(found, states[this.#from]!.names);
    holds(at >= this.#from, `${home}: a durable change is gone (state ${at} of ${this.#from}): ${gone}`);
    this.lost += Math.max(0, this.now - at);
    const fitting = states.slice(this.#from).filter(({ names }) => sameNames(found, names));
    const last = this.#states.at(-1)!.things!;
    const who = new Map<string, Thing[]>();
    for (const [name, text] of found) {
      const candidates = fitting.flatMap(({ things }) => things?.get(name) ?? [...last.values()]);
      const things = [...new Set(candidates)].filter(({ fileid }) => `${fileid}` === text.split(' ')[1]);
      if (things.length > 0) who.set(name, things); // Without any, the unanswered call has made the object.
    }
    return who;
  }
}
