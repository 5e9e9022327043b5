import type { CallKey } from './call-key.ts';
import type { Transport } from './transport.ts';

/** Replies stand in slabs of a client's own: those of one that is silent must not keep others' alive. */
const SLAB_BYTES = 4096;
/** What a client takes besides its entries, roughly: a slab, most of all. */
export const CLIENT_BYTES = SLAB_BYTES + 512;

/** Who sent a call again while it was under way, over another connection than before. */
export interface Asker {
  readonly transport: Transport;
  readonly token: unknown;
}

export class CachedReply {
  readonly key: CallKey;
  readonly owner: ClientReplies;
  /** Where the reply goes to, */
  readonly transport: Transport;
  /** and where else. */
  askers: Asker[] | undefined;
  /** On the clock of `performance.now()`; endless as long as the call is under way. */
  endedAt = Infinity;
  /** The next one of its owner to be dropped. */
  newer: CachedReply | undefined;
  /** Another call with its xid. */
  twin: CachedReply | undefined;
  #slab: Buffer | undefined;
  #from = 0;
  #to = 0;

  constructor(key: CallKey, owner: ClientReplies, transport: Transport) {
    this.key = key;
    this.owner = owner;
    this.transport = transport;
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
  readonly byXid = new Map<number, CachedReply>();
  oldest: CachedReply | undefined;
  newest: CachedReply | undefined;
  bytes = CLIENT_BYTES;
  /** Neighbours in the order of their last replies. */
  before: ClientReplies | undefined;
  after: ClientReplies | undefined;
  #slab = Buffer.alloc(0);
  #slabAt = 0;

  constructor(address: string) {
    this.address = address;
  }

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
    if (this.newest === undefined) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  /** Takes the oldest out of the list. */
  shift(): CachedReply {
    const entry = this.oldest!;
    this.oldest = entry.newer;
    if (this.oldest === undefined) this.newest = undefined;
    entry.newer = undefined; // or a chain of the dropped grows, that only a full collection would find
    return entry;
  }

  /** Takes `entry` out of the table. */
  forget(entry: CachedReply): void {
    const { xid } = entry.key;
    const first = this.byXid.get(xid)!;
    if (first !== entry) {
      let one = first;
      while (one.twin !== entry) one = one.twin!;
      one.twin = entry.twin;
    } else if (entry.twin === undefined) this.byXid.delete(xid);
    else this.byXid.set(xid, entry.twin);
  }
}
