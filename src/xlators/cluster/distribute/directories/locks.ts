/** The locks by which the clients of a volume keep out of each other's way. */
import { randomBytes } from 'node:crypto';
import type { Frame } from '../../../../graph/frame.ts';
import type { LockType } from '../../../../graph/fops.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { Domain } from '../keys.ts';

const OWNER_BYTES = 8;
const WHOLE = { start: 0n, length: 0n };

/** A name in a directory, and the child whose locks protect it: the one that the name belongs to. */
export interface Place {
  readonly parent: Inode;
  readonly name: string;
  readonly hashed: number;
}

/** Locks of one operation, to be released together. */
export class Locks implements AsyncDisposable {
  readonly #core: Core;
  readonly #frame: Frame;
  #release: (() => Promise<void>)[] = [];

  constructor(core: Core, frame: Frame) {
    this.#core = core;
    this.#frame = ownFrame(frame, randomBytes(OWNER_BYTES));
  }

  /** Locks an inode in a domain, and waits for that. */
  async inode(child: number, domain: string, inode: Inode, type: Exclude<LockType, 'unlock'>): Promise<void> {
    const xlator = this.#core.at(child);
    await xlator.inodelk(this.#frame, domain, inode, { ...WHOLE, type }, true);
    this.#release.push(() => xlator.inodelk(this.#frame, domain, inode, { ...WHOLE, type: 'unlock' }, false));
  }

  /** Locks a name, and the layout of its directory against changes. */
  async name({ parent, name, hashed }: Place): Promise<void> {
    await this.inode(hashed, Domain.LAYOUT, parent, 'read');
    const xlator = this.#core.at(hashed);
    await xlator.entrylk(this.#frame, Domain.ENTRY, parent, name, 'write', true);
    this.#release.push(() => xlator.entrylk(this.#frame, Domain.ENTRY, parent, name, 'unlock', false));
  }

  /** Locks two names in the order that all clients keep: by the name of the child, then by directory and name. */
  async names(a: Place, b: Place): Promise<void> {
    const [first, second] = this.#isBefore(b, a) ? [b, a] : [a, b];
    await this.name(first);
    if (!isSame(a, b)) await this.name(second);
  }

  #isBefore(a: Place, b: Place): boolean {
    const key = ({ parent, name, hashed }: Place) => [
      this.#core.childNames[hashed]!,
      parent.gfid.toString('hex') + name,
    ];
    const [[childA, placeA], [childB, placeB]] = [key(a), key(b)] as [[string, string], [string, string]];
    return childA < childB || (childA === childB && placeA < placeB);
  }

  /** A child that has gone down has dropped its locks. */
  async release(): Promise<void> {
    const calls = this.#release;
    this.#release = [];
    await Promise.allSettled(calls.map(call => call()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

const isSame = (a: Place, b: Place): boolean => a.name === b.name && a.parent.gfid.equals(b.parent.gfid);
