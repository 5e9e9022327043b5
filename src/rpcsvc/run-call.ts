/** Carries out a call whose header has been decoded: decodes its arguments, runs its actor, and answers. */
import { accept_stat } from '#protocols/rpc.ts';
import { XdrError, type XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';
import { type Actor, type Call, type Peer, type Program, UnanswerableError } from './actor.ts';
import { accept, acceptedHeader } from './answers.ts';
import type { Credentials } from './auth/scheme.ts';
import { answerAskers } from './duplicates/askers.ts';
import type { CachedReply } from './duplicates/client-replies.ts';
import type { Service } from './service.ts';
import type { Transport } from './transport.ts';

/** A call with what carries it out and the transport that its reply goes to. */
export interface Context {
  readonly service: Service;
  readonly transport: Transport;
  readonly program: Program;
  readonly procedure: number;
  readonly actor: Actor<any>;
  readonly call: RpcCall;
  /** Where the reply is kept for retries. */
  cached: CachedReply | undefined;
}

export class RpcCall implements Call {
  readonly xid: number;
  readonly peer: Peer;
  readonly credentials: Credentials;
  sent: (() => void)[] | undefined;

  constructor(xid: number, peer: Peer, credentials: Credentials) {
    this.xid = xid;
    this.peer = peer;
    this.credentials = credentials;
  }

  afterSend(then: () => void): void {
    (this.sent ??= []).push(then);
  }
}

/** Decodes the arguments. `undefined` if that fails, in which case the call has been answered with GARBAGE_ARGS. */
export function argumentsOf(context: Context, from: XdrReader): { readonly value: unknown } | undefined {
  const { service, transport, actor, call, cached } = context;
  try {
    const value: unknown = actor.args.decode(from);
    if (from.left > 0) throw new XdrError(`${from.left} bytes after the arguments`);
    return { value };
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    if (cached !== undefined) service.replies!.drop(cached);
    service.log.debug({ client: call.peer.address, actor: actor.name, why: error.message }, 'garbage arguments');
    accept(transport, call.xid, accept_stat.GARBAGE_ARGS);
    return undefined;
  }
}

/** Runs the actor of a call that has just come, and answers. */
export function run(context: Context, args: unknown): void {
  const { transport, actor } = context;
  const result = resultOf(context, args);
  if (!(result instanceof Promise)) return;
  const replyBytes = actor.replyBytes?.(args) ?? 0;
  answerLater(context, result, transport.began(replyBytes), replyBytes);
}

/**
 * The same for a call that has waited since: `token` is what the transport's `began(0)` returned when it came, and `made`
 * is what the program made of the call then. Its graph may take no new calls any more.
 */
export function runWaiting(context: Context, args: unknown, token: unknown, made: unknown): void {
  const result = resultOf(context, args, made);
  if (result instanceof Promise) answerLater(context, result, token, 0);
  else context.transport.ended(token, 0);
}

/** Runs the actor and returns its promise; `undefined` if the call has been answered already. */
function resultOf(context: Context, args: unknown, made?: unknown): Promise<unknown> | undefined {
  const { program, actor, call } = context;
  let result: unknown;
  try {
    result = actor.run(made ?? program.contextOf(call), args);
  } catch (error) {
    bug(context, error);
    return undefined;
  }
  if (result instanceof Promise) return result;
  succeed(context, result);
  return undefined;
}

function answerLater(context: Context, result: Promise<unknown>, token: unknown, replyBytes: number): void {
  const { transport } = context;
  result.then(
    value => {
      succeed(context, value);
      transport.ended(token, replyBytes);
      if (context.cached !== undefined) answerAskers(context.cached, context.call.xid);
    },
    (error: unknown) => {
      bug(context, error);
      transport.ended(token, replyBytes);
      if (context.cached !== undefined) answerAskers(context.cached, context.call.xid);
    },
  );
}

function succeed(context: Context, value: unknown): void {
  const { service, transport, actor, call, cached } = context;
  try {
    transport.reply(to => {
      const begin = to.at;
      acceptedHeader(to, call.xid, accept_stat.SUCCESS);
      actor.res.encode(to, value);
      if (cached !== undefined) service.replies!.end(cached, to.buf.subarray(begin, to.at));
    }, call.sent);
    if (cached !== undefined && cached.underWay) keep(context, cached, value);
  } catch (error) {
    bug(context, error);
  }
}

/** Called when the connection has ended while the call was under way: the client's retry comes over another one. */
function keep({ service, actor, call }: Context, cached: CachedReply, value: unknown): void {
  const to = new XdrWriter();
  acceptedHeader(to, call.xid, accept_stat.SUCCESS);
  actor.res.encode(to, value);
  service.replies!.end(cached, to.toBuffer());
}

/**
 * Handles what an actor has thrown, which is no error of the file system but a mistake in this program: it is logged, the
 * call is answered with SYSTEM_ERR, and the server goes on.
 */
export function bug({ service, transport, program, actor, call, cached }: Context, error: unknown): void {
  const client = call.peer.address;
  const name = `${program.name}.${actor.name}`;
  if (error instanceof UnanswerableError) service.log.info({ client, actor: name }, error.message);
  else service.log.error({ err: error, client, xid: call.xid, actor: name }, 'actor failed');
  if (cached !== undefined) service.replies!.drop(cached);
  transport.reply(to => acceptedHeader(to, call.xid, accept_stat.SYSTEM_ERR), call.sent);
}
