import type { Codec } from '#protocols/xdr/codec.ts';
import type { Credentials } from './auth/scheme.ts';

/** The other end of a transport. */
export interface Peer {
  /** IPv4 in dotted form, also when it came in over an IPv6 socket; IPv6 in its shortest form. */
  readonly address: string;
  readonly port: number;
  readonly transport: 'tcp' | 'udp';
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
}

/** One call under way. */
export interface Call {
  readonly xid: number;
  readonly peer: Peer;
  readonly credentials: Credentials;
  /** Runs `then` when the reply has been handed to the socket and its payload may be used for something else. */
  afterSend(then: () => void): void;
}

/**
 * Thrown by an actor that cannot answer although nothing is wrong with this program (a list that fits no reply). The
 * caller gets SYSTEM_ERR, and the reason is logged.
 */
export class UnanswerableError extends Error {
  override name = 'UnanswerableError';
}

/** One procedure of one program: how its arguments and results look, and what it does. */
export interface Actor<Context, Args = any, Res = any> {
  readonly name: string;
  readonly args: Codec<Args>;
  readonly res: Codec<Res>;
  /** False when a repeat may answer differently, so the reply must be kept for retries. */
  readonly idempotent: boolean;
  /**
   * For actors whose long arguments the reply cache sums only in part. It is called for a call that looks like an
   * answered one: same xid, caller and length, and equal ends of the arguments. Returns true if it is that call again,
   * so that `earlier`, its reply, is sent again; false if it is another call, which is then run.
   */
  repeats?(context: Context, args: Args, earlier: Res): Promise<boolean>;
  /** The weakest authentication it takes, where that is not the program's. */
  readonly minAuth?: number;
  /**
   * The greatest number of bytes of a large reply's payload, for which room is reserved before it is made; 0 by
   * default.
   */
  replyBytes?(args: Args): number;
  /**
   * Carries out a call. Anything it throws is answered with SYSTEM_ERR and is a bug of ours, except for
   * {@link UnanswerableError}. `args` may hold views into the record, which are valid until the call is answered.
   */
  run(context: Context, args: Args): Promise<Res> | Res;
}

/** One version of one program. */
export interface Program<Context = any> {
  readonly name: string;
  readonly number: number;
  readonly version: number;
  /** The weakest authentication its actors take: an auth_flavor, by strength (AUTH_NONE < AUTH_SYS). */
  readonly minAuth: number;
  /** Whether it is served over UDP as well. */
  readonly udp?: boolean;
  /** Indexed by procedure number. */
  readonly actors: Readonly<Record<number, Actor<Context>>>;
  /** Makes what the actors are given of a call. A call that waits for something should end when `ending` is aborted. */
  contextOf(call: Call, ending?: AbortSignal): Context;
}
