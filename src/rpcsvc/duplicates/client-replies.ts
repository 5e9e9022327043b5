import { Linked } from '../../linked.ts';
import { type CallKey, scattered } from './call-key.ts';
import type { Origin } from './origin.ts';
import type { Transport } from '../transport.ts';

/** Each client's replies stand in slabs of its own, so that those of a silent client do not keep others' alive. */
const SLAB_BYTES = 4096;
/** The approximate memory of a client besides its entries; most of it is a slab. */
export const CLIENT_BYTES = SLAB_BYTES + 512;

/** A connection over which a call was sent again while it was under way. */
export interface Asker {
  readonly transport: Transport;
  readonly token: unknown;
}

export class CachedReply {
  readonly key: CallKey;
  readonly owner: ClientReplies;
  /** The connection from which the call came most recently. */
  origin: Origin;
  /** The arguments while the call is under way, if the key does not cover them all: views into the record. */
  args: Buffer | undefined;
  /** Further connections that are also sent the reply. */
  askers: Asker[] | undefined;
  /** On the clock of `performance.now()`; endless as long as the call is under way. */
  endedAt = Infinity;
  /** Neighbours in the order of the owner's replies. */
  older: CachedReply | undefined;
  newer: CachedReply | undefined;
  /** An older call with the same xid. */
  twin: CachedReply | undefined;
  #slab: Buffer | undefined;
  #from = 0;
  #to = 0;

  constructor(key: CallKey, owner: ClientReplies, origin: Origin, args: Buffer | undefined) {
    this.key = key;
    this.owner = owner;
    this.origin = origin;
    this.args = args;
  }

  get underWay(): boolean {
    return this.#slab === undefined;
  }

  /** Absent as long as the call is under way. */
  get reply(): Buffer | undefined {
    return this.#slab?.subarray(this.#from, this.#to);
  }

  get replyBytes(): number {
    return this.#to - this.#from;
  }

  keep(slab: Buffer, from: number, to: number): void {
    this.#slab = slab;
    this.#from = from;
    this.#to = to;
  }
}

/** One client's replies, in the order in which they were given. */
export class ClientReplies {
  readonly address: string;
  /** The newest call of each xid, by {@link scattered}. */
  readonly #byXid = new Map<number, CachedReply>();
  /** The answered calls. */
  readonly answered = new Linked<CachedReply>();
  bytes = CLIENT_BYTES;
  /** Neighbours in the order of their last replies. */
  older: ClientReplies | undefined;
  newer: ClientReplies | undefined;
  #slab = Buffer.alloc(0);
  #slabAt = 0;

  constructor(address: string) {
    this.address = address;
  }

  get isEmpty(): boolean {
    return this.#byXid.size === 0;
  }

  /** The newest call with that xid; the others follow as its {@link CachedReply.twin}. */
  newestOf(xid: number): CachedReply | undefined {
    return this.#byXid.get(scattered(xid));
  }

  begin(entry: CachedReply): void {
    const place = scattered(entry.key.xid);
    entry.twin = this.#byXid.get(place);
    this.#byXid.set(place, entry);
  }

  /** Keeps a copy of `reply`. */
  add(entry: CachedReply, reply: Buffer): void {
    const { length } = reply;
    if (this.#slab.length - this.#slabAt < length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, length));
      this.#slabAt = 0;
    }
    const from = this.#slabAt;
    this.#slab.set(reply, from);
    this.#slabAt += length;
    entry.keep(this.#slab, from, this.#slabAt);
    this.answered.add(entry);
  }

  /** Takes `entry` out, whether it has been answered or is under way. */
  remove(entry: CachedReply): void {
    if (!entry.underWay) this.answered.remove(entry);
    const place = scattered(entry.key.xid);
    const first = this.#byXid.get(place)!;
    if (first !== entry) {
      let one = first;
      while (one.twin !== entry) one = one.twin!;
      one.twin = entry.twin;
    } else if (entry.twin === undefined) this.#byXid.delete(place);
    else this.#byXid.set(place, entry.twin);
  }
}
