/** What a worker's names were after each change that was answered to him: after a power cut they are as they were at one of them. */
import { holds } from '../../soak/model/answer.ts';
import { difference, type Names, sameNames } from './namespace.ts';
import type { Promised } from './promised.ts';

export interface Thing {
  readonly type: 'f' | 'd' | 'l';
  readonly fileid: bigint;
  readonly handle: Buffer;
  mode: number;
  readonly bytes: Promised;
  /** Of exclusive creation, until something is done with the file. */
  verf?: Buffer | undefined;
  /**
   * Which state there was when its inode was last changed for sure: made, or grown. To sync it brings the journal so far to
   * the disk. (Bytes overwritten in one tick of the clock with others change no inode, and their sync needs no journal.)
   */
  changedAt?: number;
}

/** By path. */
export type Things = ReadonlyMap<string, Thing>;

interface State {
  readonly names: Names;
  /** Who has them; not known of a change that was not answered. */
  readonly things: Things | undefined;
}

export class History {
  #states: State[] = [];
  #unanswered: State | undefined;
  /** The first of the states that the disk may be in. */
  #from = 0;
  /** Answered changes that cuts took back. */
  lost = 0;

  /** It begins with what is on the disk. */
  begin(names: Names, things: Things): void {
    this.#states = [{ names, things: new Map(things) }];
    this.#unanswered = undefined;
    this.#from = 0;
  }

  get names(): Names {
    return this.#states.at(-1)!.names;
  }

  /** Which state this is, for {@link sure}. */
  get now(): number {
    return this.#states.length - 1;
  }

  /** A change is sent, that makes `names` of it. */
  sending(names: Names): void {
    this.#unanswered = { names, things: undefined };
  }

  answered(names: Names, things: Things): void {
    this.#states.push({ names, things: new Map(things) });
    this.#unanswered = undefined;
  }

  /** That state and those after it: the earlier ones have been overtaken on the disk. */
  sure(state: number): void {
    this.#from = Math.max(this.#from, state);
  }

  /**
   * Who may have each of the names that were found on the disk. There may be several states with the same names, and a file id
   * may have been used again: the handles tell. @throws {Mismatch} it was never like that, or not since what was promised
   */
  match(found: Names, home: string): Map<string, Thing[]> {
    const states = [...this.#states, ...(this.#unanswered ? [this.#unanswered] : [])];
    const at = states.findLastIndex(({ names }) => sameNames(found, names));
    if (at < 0) holds(false, `${home} is as it never was: ${difference(found, this.names)}`);
    const gone = difference(found, states[this.#from]!.names);
    holds(at >= this.#from, `${home}: what was answered durable is gone (state ${at} of ${this.#from}): ${gone}`);
    this.lost += Math.max(0, this.now - at);
    const fitting = states.slice(this.#from).filter(({ names }) => sameNames(found, names));
    const last = this.#states.at(-1)!.things!;
    const who = new Map<string, Thing[]>();
    for (const [name, text] of found) {
      const candidates = fitting.flatMap(({ things }) => things?.get(name) ?? [...last.values()]);
      const things = [...new Set(candidates)].filter(({ fileid }) => `${fileid}` === text.split(' ')[1]);
      if (things.length > 0) who.set(name, things); // otherwise the unanswered call has made it
    }
    return who;
  }
}
