/** How a client connects and calls. */
import type { call_header, opaque_auth, RemoteProcedure } from '#protocols/rpc.ts';
import type { XdrReader } from '#protocols/xdr/stream.ts';
import type { AnyProcedure } from './calls.ts';
import type { Credential } from './credential.ts';
import type { RpcError } from './error.ts';
import type { RpcTarget, StreamOptions } from './socket.ts';

export interface RpcClientOptions extends StreamOptions {
  readonly target: RpcTarget;
  /** The time limit for the connection to be made, and for each answer. */
  readonly timeoutMs: number;
  /** When it is aborted, the connection and all calls under way are given up. */
  readonly signal?: AbortSignal;
  /** Longer answers are not taken; the connection then ends. 4 MiB by default. */
  readonly recordBytesMax?: number;
  /** Calls under way at once; one more fails with BUSY. 1024 by default. */
  readonly callsMax?: number;
  /** The credential of calls that name no other; AUTH_NONE by default. */
  readonly cred?: opaque_auth;
  /**
   * While calls are under way and nothing has come for half of `ms` (which may change), `procedure` is called to see whether the server is
   * alive. If nothing has come for `ms`, the connection ends.
   */
  readonly ping?: { readonly procedure: RemoteProcedure<void, unknown>; readonly ms: number };
  /** What the calls fail with in place of an {@link RpcError}; for callers that have errors of their own. */
  readonly errorOf?: (why: RpcError) => Error;
  /** Called for each call that was answered with results, `ms` after it began. */
  readonly answered?: (procedure: AnyProcedure, value: unknown, ms: number) => void;
  /** Called for each call that failed. */
  readonly failed?: (procedure: AnyProcedure) => void;
  /**
   * Receives the calls of the other side, which are not answered (GlusterFS's callbacks). Its arguments follow in `from`,
   * and are views that are good until it returns. What it throws ends the connection. If it is absent, so does a call.
   */
  readonly onCall?: (header: call_header, from: XdrReader) => void;
  /** Called once when the connection has ended, after all calls have failed with the same error. */
  readonly onEnd?: (why: RpcError) => void;
}

export interface CallOptions {
  readonly cred?: Credential;
  /** `Infinity`: the call is waited for as long as the connection lasts. */
  readonly timeoutMs?: number;
  /** Nothing waits for the answer: the call is sent with the next one, and after some milliseconds if there is none. */
  readonly unhurried?: boolean;
  /** For `ask`: the codec of the results copies all that it decodes, so that no copy of the record is needed. */
  readonly viewless?: boolean;
}
