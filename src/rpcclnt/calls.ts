/** The calls of a connection that have not been answered, and until when each is waited for. */
import { randomInt } from 'node:crypto';
import { msg_type, type RemoteProcedure, RPC_VERSION } from '#protocols/rpc.ts';
import type { XdrWriter } from '#protocols/xdr/stream.ts';

export type AnyProcedure = RemoteProcedure<any, any>;

export interface PendingCall {
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

export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  #xid = randomInt(XIDS);

  get size(): number {
    return this.#calls.size;
  }

  /** An xid that no call has which is waiting for an answer. */
  nextXid(): number {
    do this.#xid = this.#xid === XIDS ? 0 : this.#xid + 1;
    while (this.#calls.has(this.#xid));
    return this.#xid;
  }

  add(xid: number, call: PendingCall): void {
    this.#calls.set(xid, call);
  }

  /** The call with this xid, which is then no longer pending. */
  take(xid: number): PendingCall | undefined {
    const call = this.#calls.get(xid);
    if (call !== undefined) this.#calls.delete(xid);
    return call;
  }

  /** Takes the calls whose deadline is over at `now`. */
  takeOverdue(now: number): PendingCall[] {
    const overdue: PendingCall[] = [];
    for (const [xid, call] of this.#calls) {
      if (call.beganAt + call.timeoutMs > now) continue;
      this.#calls.delete(xid);
      overdue.push(call);
    }
    return overdue;
  }

  /** The earliest time at which the time of a call is over; `Infinity` if there is none. */
  earliest(): number {
    let earliest = Infinity;
    for (const { beganAt, timeoutMs } of this.#calls.values()) earliest = Math.min(earliest, beganAt + timeoutMs);
    return earliest;
  }

  /** Takes all calls. */
  takeAll(): PendingCall[] {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    return calls;
  }
}

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
