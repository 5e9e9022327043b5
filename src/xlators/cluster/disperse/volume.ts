/** What the parts of a dispersed volume share: its bricks, which of them are up, and what was set. */
import { randomBytes } from 'node:crypto';
import { type Errno, errnoOf } from '../../../errno.ts';
import type { Log } from '../../../log.ts';
import type { OptionValues } from '../../../graph/options.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Bricks, brick, has, indexes } from './bricks.ts';
import { Codec } from './codec/codec.ts';
import type { options } from './options.ts';
import { Versioned } from './versioned.ts';
import { configBytes } from './xattrs.ts';

const CHUNK = 512;

/** The answer of one brick: a value, or the code of an error. */
export type Answer<R> =
  | { readonly brick: number; readonly value: R; readonly code?: undefined }
  | { readonly brick: number; readonly value?: undefined; readonly code: Errno; readonly error: unknown };

export interface VolumeConfig {
  readonly name: string;
  readonly children: readonly Xlator[];
  readonly redundancy: number;
  readonly log: Log;
  readonly settings: () => OptionValues<typeof options>;
  /** Called when bricks have missed a change. */
  readonly missed: (bricks: Bricks) => void;
  /** Called when writes that were acknowledged are lost unless they are sent again. */
  readonly lost: () => void;
}

export class Volume {
  /** Also the domain of the locks, which all clients must agree on. */
  readonly name: string;
  readonly children: readonly Xlator[];
  readonly n: number;
  readonly k: number;
  readonly all: Bricks;
  readonly codec: Codec;
  readonly config: Buffer;
  readonly log: Log;
  readonly settings: () => OptionValues<typeof options>;
  readonly missed: (bricks: Bricks) => void;
  up: Bricks = 0;
  readonly versioned = new Versioned();
  /** How often writes were lost. */
  losses = 0;
  readonly #lost: () => void;
  readonly #owner = randomBytes(4);
  #owners = 0;
  #turn = 0;

  constructor({ name, children, redundancy, log, settings, missed, lost }: VolumeConfig) {
    this.name = name;
    this.children = children;
    this.n = children.length;
    this.k = this.n - redundancy;
    this.all = 2 ** this.n - 1;
    this.codec = new Codec(this.n, this.k);
    this.config = configBytes(this.n, this.k, CHUNK);
    this.log = log;
    this.settings = settings;
    this.missed = missed;
    this.#lost = lost;
  }

  /** The bytes of a file that are in one chunk of each fragment. */
  get stripe(): number {
    return this.codec.stripe;
  }

  /** Writes that were acknowledged are lost unless they are sent again. */
  lost(): void {
    this.losses++;
    this.#lost();
  }

  /** An owner of locks that no other has. */
  newOwner(): Buffer {
    const owner = Buffer.alloc(8);
    this.#owner.copy(owner);
    owner.writeUInt32BE(this.#owners++ >>> 0, 4);
    return owner;
  }

  /**
   * All bricks, those first that an object is to be read from. They are the same ones each time, so that attributes in
   * which bricks differ do not change to and fro.
   */
  order(gfid: Buffer): readonly number[] {
    let first = 0;
    for (const byte of gfid) first = (first * 31 + byte) % this.n;
    return this.#from(first);
  }

  /** As {@link order}, for data. */
  readOrder(gfid: Buffer): readonly number[] {
    return this.settings()['read-policy'] === 'gfid-hash' ? this.order(gfid) : this.#from(this.#turn++ % this.n);
  }

  #from(first: number): readonly number[] {
    return Array.from({ length: this.n }, (_, i) => (first + i) % this.n);
  }

  /** Asks some bricks at the same time. */
  ask<R>(bricks: Bricks, call: (child: Xlator, index: number) => Promise<R>): Promise<Answer<R>[]> {
    return Promise.all(indexes(bricks).map(index => this.askOne(index, call)));
  }

  async askOne<R>(index: number, call: (child: Xlator, index: number) => Promise<R>): Promise<Answer<R>> {
    if (!has(this.up, index)) return { brick: index, code: 'ENOTCONN', error: undefined };
    try {
      return { brick: index, value: await call(this.children[index]!, index) };
    } catch (error) {
      const code = errnoOf(error);
      if (code === undefined) this.log.error({ err: error, brick: this.children[index]!.name }, 'a fop failed');
      return { brick: index, code: code ?? 'EIO', error };
    }
  }
}

/** The bricks that have answered with a value. */
export function succeeded(answers: readonly Answer<unknown>[]): Bricks {
  let bricks = 0;
  for (const answer of answers) if (answer.code === undefined) bricks |= brick(answer.brick);
  return bricks;
}
