/**
 * The answers to calls whose payloads are still being sent. The memory of a payload belongs to the caller again when its call
 * is answered, and what the caller puts there next must not be sent.
 */
import { XdrError } from '#protocols/xdr/stream.ts';
import type { PendingCall, PendingCalls } from './calls.ts';

export class EarlyAnswers {
  readonly #calls: PendingCalls;
  readonly #hasSent: (position: number) => boolean;
  readonly #early = new Map<number, { readonly call: PendingCall; readonly settle: () => void }>();

  constructor(calls: PendingCalls, hasSent: (position: number) => boolean) {
    this.#calls = calls;
    this.#hasSent = hasSent;
  }

  /** Whether the call has a payload that is not sent yet. */
  isFor({ spliced, end }: PendingCall): boolean {
    return spliced && !this.#hasSent(end);
  }

  /** Lets the call pend until it is sent. `settle` gives the caller its answer then. @throws {XdrError} it has one */
  add(call: PendingCall, settle: () => void): void {
    const { xid } = call;
    if (this.#early.has(xid)) throw new XdrError('a call is answered twice, and has not been sent');
    this.#early.set(xid, { call, settle });
    this.#calls.add(call);
  }

  /** Gives the answers to the calls that have been sent by now. */
  sent(): void {
    for (const [xid, { call, settle }] of this.#early) {
      if (!this.#hasSent(call.end)) continue;
      this.#early.delete(xid);
      if (this.#calls.take(xid) === call) settle();
    }
  }
}
