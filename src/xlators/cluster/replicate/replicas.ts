import { errnoOf, FsError } from '../../../errno.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { Log } from '../../../log.ts';
import type { Changelog } from './changelog.ts';
import { allOf, type Children, has, listOf, only, type Quorum } from './children.ts';
import type { ReplicateOptions } from './options.ts';
import { Answers, verdictOf } from './transaction/verdict.ts';

/** A transaction, which must know when a child goes down. */
interface Running {
  down(child: number): void;
}

/** The replicas of a volume, and what is known of them: what all fops of the layer share. */
export class Replicas {
  readonly children: readonly Xlator[];
  /** The name of the layer, which is also that of its locks. */
  readonly name: string;
  readonly slot: number;
  readonly changelog: Changelog;
  readonly arbiters: Children;
  readonly log: Log;
  isQuorum: Quorum;
  options: ReplicateOptions;
  up: Children = 0;
  /** The children on this machine that are up. */
  local: Children = 0;
  /**
   * The children that no other blames for anything, arbiters among them. They have been up since all children that were
   * up had an empty index of failures, and this layer has blamed none of them.
   */
  unblamed: Children = 0;
  /** Counts what may change which children can be read: what was learnt of an inode before is to be learnt again. */
  generation = 1;
  /** The transactions under way. */
  readonly running = new Set<Running>();

  constructor(
    parts: Pick<Replicas, 'children' | 'name' | 'slot' | 'changelog' | 'arbiters' | 'log' | 'isQuorum' | 'options'>,
  ) {
    this.children = parts.children;
    this.name = parts.name;
    this.slot = parts.slot;
    this.changelog = parts.changelog;
    this.arbiters = parts.arbiters;
    this.log = parts.log;
    this.isQuorum = parts.isQuorum;
    this.options = parts.options;
  }

  get all(): Children {
    return allOf(this.children.length);
  }

  /** Whether all children are up, and none is blamed. */
  get isWhole(): boolean {
    return this.up === this.all && this.unblamed === this.all;
  }

  /** The children that can be read, whatever is read. */
  get clean(): Children {
    return this.unblamed & ~this.arbiters;
  }

  /** A child has come up or gone down. While it was away, it may have missed something. */
  changed(child: number, isUp: boolean): void {
    this.up = isUp ? this.up | only(child) : this.up & ~only(child);
    this.local = isUp && this.children[child]!.isLocal ? this.local | only(child) : this.local & ~only(child);
    this.unblamed &= ~only(child);
    this.generation++;
    if (!isUp) for (const transaction of this.running) transaction.down(child);
  }

  /** These children lack something. */
  blamed(whom: Children): void {
    this.unblamed &= ~whom;
    if ((whom & this.up) !== 0) this.generation++; // A child that is down is read by none.
  }

  /** Some child lacks something, and it is not known which. */
  distrust(): void {
    this.unblamed = 0;
    this.generation++;
  }

  /** Sends what was to wait for other calls, since something waits for it now. */
  hurry(): void {
    for (const child of this.children) child.hurry();
  }

  /** @throws {FsError} ENOTCONN: fewer children than a quorum are up */
  checkQuorum(): void {
    if (!this.isQuorum(this.up)) throw new FsError('ENOTCONN', `ENOTCONN: no quorum of ${this.name} is up`);
  }

  /** Which of the children that can be read is read first: always the same one for an object, as long as it can be. */
  preferred(readable: Children, gfid: Buffer): number {
    const name = this.options['read-subvolume'];
    const index = this.options['read-subvolume-index'];
    const named = name === undefined ? index : this.children.findIndex(child => child.name === name);
    if (named >= 0 && has(readable, named)) return named;
    const near = this.options['choose-local'] ? readable & this.local : 0;
    const candidates = listOf(near === 0 ? readable : near);
    if (candidates.length === 0) return -1;
    if (this.options['read-hash-mode'] === 0) return candidates[0]!;
    return candidates[gfid.readUInt32BE(12) % candidates.length]!;
  }
}

/** The answers of several children to one call, by their numbers. */
export interface Replies<R> {
  /** The children whose answers are that of the whole. */
  readonly from: Children;
  readonly of: readonly (R | undefined)[];
}

/**
 * Makes a call to each of these children, and finds what their answers amount to.
 * @param unused is called with each answer if the call has failed as a whole
 */
export async function askAll<R>(
  { children, isQuorum }: Replicas,
  on: Children,
  call: (child: Xlator, i: number) => Promise<R>,
  unused?: (answer: R, i: number) => void,
): Promise<Replies<R>> {
  const answers = new Answers();
  const of: (R | undefined)[] = [];
  const errors: unknown[] = [];
  const ask = async (i: number) => {
    try {
      of[i] = await call(children[i]!, i);
      answers.add(i, undefined);
    } catch (error) {
      errors[i] = error;
      answers.add(i, codeOf(error));
    }
  };
  await Promise.all(listOf(on).map(ask));
  const { code, agreed } = verdictOf(answers, isQuorum);
  if (code === undefined) return { from: agreed, of };
  for (const i of listOf(answers.ok)) unused?.(of[i]!, i);
  throw errorOf(code, errors);
}

/** The code of what a child has thrown. @throws what is no error of a file system */
export function codeOf(error: unknown) {
  const code = errnoOf(error);
  if (code === undefined) throw error;
  return code;
}

/** The error of a fop, as one of the children gave it, with what it says of attributes and xdata. */
export function errorOf(code: FsError['code'], errors: readonly unknown[]): unknown {
  return errors.find(error => error !== undefined && errnoOf(error) === code) ?? new FsError(code);
}

/**
 * The answer of the child that would be read. A child that lacked something before the change tells of another size, other
 * attributes, or other sums, so one that is `trusted` answers, if one of them has made the change.
 */
export function chosen<R>(replicas: Replicas, { from, of }: Replies<R>, gfid: Buffer, trusted: Children): R {
  const stored = from & ~replicas.arbiters;
  const best = stored & trusted;
  return of[replicas.preferred(best !== 0 ? best : stored !== 0 ? stored : from, gfid)]!;
}
