/** The calls of a connection that have not been answered, and until when each is waited for. */
import { randomInt } from 'node:crypto';
import { msg_type, type RemoteProcedure, RPC_VERSION } from '#protocols/rpc.ts';
import type { XdrWriter } from '#protocols/xdr/stream.ts';

export type AnyProcedure = RemoteProcedure<any, any>;

export interface PendingCall {
  readonly xid: number;
  readonly procedure: AnyProcedure;
  readonly timeoutMs: number;
  /** When it began, on the clock of `performance.now()`. */
  readonly beganAt: number;
  /** Where the call ends in what is sent (`Outgoing.position`). */
  end: number;
  /** A payload that stays in the caller's memory is a part of it. */
  readonly spliced: boolean;
  /** The caller gets the results alone, and not as a reply that it releases. */
  readonly alone: boolean;
  /** The results have no views into what they are decoded from. */
  readonly viewless: boolean;
  readonly resolve: (value: any) => void;
  readonly reject: (error: unknown) => void;
}

/** Positive numbers of 31 bits, which V8 keeps without an allocation. */
const XIDS = 0x7fff_ffff;

/** How many places there are at first: a power of two. */
const PLACES_MIN = 64;

/**
 * Each call has the place that the lowest bits of its xid tell. A `Map` to which a key is added for each one that is deleted
 * copies itself again and again.
 */
export class PendingCalls {
  #places: (PendingCall | undefined)[] = placesFor(PLACES_MIN);
  #size = 0;
  #xid = randomInt(XIDS);

  get size(): number {
    return this.#size;
  }

  /** An xid that no call has which is waiting for an answer, and whose place is free. */
  nextXid(): number {
    do this.#xid = this.#xid === XIDS ? 0 : this.#xid + 1;
    while (this.#places[this.#xid & (this.#places.length - 1)] !== undefined);
    return this.#xid;
  }

  /** Adds a call whose xid is from {@link nextXid}, or which was taken in the same step. */
  add(call: PendingCall): void {
    this.#places[call.xid & (this.#places.length - 1)] = call;
    if (++this.#size > this.#places.length / 2) this.#grow();
  }

  /** The call with this xid, which is then no longer pending. */
  take(xid: number): PendingCall | undefined {
    const place = xid & (this.#places.length - 1);
    const call = this.#places[place];
    if (call?.xid !== xid) return undefined;
    this.#places[place] = undefined;
    this.#size--;
    return call;
  }

  /** Takes the calls whose deadline is over at `now`. */
  takeOverdue(now: number): PendingCall[] {
    const overdue = this.#all().filter(({ beganAt, timeoutMs }) => beganAt + timeoutMs <= now);
    for (const { xid } of overdue) this.take(xid);
    return overdue;
  }

  /** The earliest time at which the time of a call is over; `Infinity` if there is none. */
  earliest(): number {
    let earliest = Infinity;
    for (const { beganAt, timeoutMs } of this.#all()) earliest = Math.min(earliest, beganAt + timeoutMs);
    return earliest;
  }

  /** Takes all calls. */
  takeAll(): PendingCall[] {
    const calls = this.#all();
    this.#places = placesFor(PLACES_MIN);
    this.#size = 0;
    return calls;
  }

  #all(): PendingCall[] {
    return this.#places.filter(call => call !== undefined);
  }

  /** No two calls come to the same place, since they have not before. */
  #grow(): void {
    const calls = this.#all();
    this.#places = placesFor(2 * this.#places.length);
    for (const call of calls) this.#places[call.xid & (this.#places.length - 1)] = call;
  }
}

const placesFor = (count: number): undefined[] => Array.from({ length: count }, () => undefined);

/** Writes the header of a call (RFC 5531, 9) up to its credential. */
export function writeCall(to: XdrWriter, xid: number, { prog, vers, proc }: AnyProcedure): void {
  const at = to.reserve(24);
  const { view } = to;
  view.setUint32(at, xid);
  view.setUint32(at + 4, msg_type.CALL);
  view.setUint32(at + 8, RPC_VERSION);
  view.setUint32(at + 12, prog);
  view.setUint32(at + 16, vers);
  view.setUint32(at + 20, proc);
}
