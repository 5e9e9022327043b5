import type { XdrWriter } from '#protocols/xdr/stream.ts';
import type { Peer } from './actor.ts';
import type { Credentials } from './auth/scheme.ts';
import type { Origin } from './duplicates/origin.ts';

/** Where calls come from and replies go to: a connection, or a datagram's sender. */
export interface Transport {
  readonly peer: Peer;
  /** The part of the transport that outlives it in the reply cache. */
  readonly origin: Origin;
  /** The credentials of the last call, which most often are the next one's too. */
  lastAuth: LastAuth | undefined;
  /** Whether the peer has made a call other than NULL that could be decoded, and so is a client. */
  proven: boolean;
  /**
   * Called when a call goes on after dispatch has returned. Keeps the buffer of its arguments, and reserves room for a
   * reply of `replyBytes`. Returns the token to pass to {@link ended}.
   */
  began(replyBytes: number): unknown;
  ended(token: unknown, replyBytes: number): void;
  /** Has the reply written by `write`; `sent` run once it is on its way. The writer is good only during the call. */
  reply(write: (to: XdrWriter) => void, sent: (() => void)[] | undefined): void;
}

export interface LastAuth {
  readonly flavor: number;
  readonly body: Buffer;
  readonly credentials: Credentials;
  /** The credentials as `callerOf` writes them; absent until they are needed. */
  caller?: string;
}
