/**
 * A record in, a reply out (RFC 5531), without I/O: the header, the credentials, the program, the actor. Whatever goes
 * wrong is answered with the RFC's own error; only what is no call at all throws.
 */
import { accept_stat, AUTH_BODY_MAX, auth_stat, msg_type, type opaque_auth, reject_stat } from '#protocols/rpc.ts';
import { reply_stat, RPC_VERSION } from '#protocols/rpc.ts';
import { XdrError, type XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';
import { lastingCopy } from '../lasting.ts';
import type { Log } from '../log.ts';
import { type Actor, type Call, type Peer, type Program, UnanswerableError } from './actor.ts';
import { type AuthRegistry, strengthOf } from './auth/registry.ts';
import { AuthError, type Credentials } from './auth/scheme.ts';
import { type CallKey, checksumOf } from './call-key.ts';
import type { CachedReply } from './client-replies.ts';
import { isMissing, type ProgramRegistry } from './registry.ts';
import type { ReplyCache } from './reply-cache.ts';
import type { Transport } from './transport.ts';

/** What a service's calls are looked up in. `programs` is replaced when a new graph takes over. */
export interface Service {
  programs: ProgramRegistry;
  readonly auth: AuthRegistry;
  readonly log: Log;
  /** Without one, a call that comes again is done again. */
  readonly replies?: ReplyCache;
}

/** What answers a call, and where to. */
interface Context {
  readonly service: Service;
  readonly transport: Transport;
  readonly program: Program;
  readonly actor: Actor<any>;
  readonly call: RpcCall;
  /** Where the reply is kept for retries. */
  readonly cached: CachedReply | undefined;
}

class RpcCall implements Call {
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

/**
 * Answers the call in `from`, now or later.
 * @throws {XdrError} it is no call: the peer does not speak RPC
 */
export function dispatch(service: Service, transport: Transport, from: XdrReader): void {
  const xid = from.uint32();
  const type = from.uint32();
  if (type !== msg_type.CALL) throw new XdrError(`a message of type ${type}, not a call`);
  if (from.uint32() !== RPC_VERSION) {
    deny(transport, xid, reject_stat.RPC_MISMATCH, RPC_VERSION, RPC_VERSION);
    return;
  }
  const number = from.uint32();
  const version = from.uint32();
  const procedure = from.uint32();

  let credentials: Credentials;
  try {
    credentials = authenticate(service.auth, transport, from);
  } catch (error) {
    if (!(error instanceof AuthError)) throw error;
    service.log.debug({ client: transport.peer.address, why: error.message }, 'credentials refused');
    deny(transport, xid, reject_stat.AUTH_ERROR, error.why);
    return;
  }

  const program = service.programs.find(number, version);
  if (isMissing(program)) {
    if (program.missing === 'program') accept(transport, xid, accept_stat.PROG_UNAVAIL);
    else accept(transport, xid, accept_stat.PROG_MISMATCH, program.low, program.high);
    return;
  }
  const actor = program.actors[procedure];
  if (actor === undefined) {
    accept(transport, xid, accept_stat.PROC_UNAVAIL);
    return;
  }
  if (strengthOf(credentials.flavor) < strengthOf(actor.minAuth ?? program.minAuth)) {
    deny(transport, xid, reject_stat.AUTH_ERROR, auth_stat.AUTH_TOOWEAK);
    return;
  }

  const call = new RpcCall(xid, transport.peer, credentials);
  if (actor.idempotent || service.replies === undefined) {
    start({ service, transport, program, actor, call, cached: undefined }, from);
    return;
  }
  const checksum = checksumOf(from.buffer, from.at, from.at + from.left);
  const key: CallKey = { client: call.peer.address, xid, program: number, version, procedure, checksum };
  const known = service.replies.find(key);
  if (known === undefined) {
    start({ service, transport, program, actor, call, cached: service.replies.begin(key, transport) }, from);
  } else if (known.reply !== undefined) {
    replay(transport, known.reply);
  } else {
    askAgain(known, transport);
  }
}

/**
 * Sent again while it is under way. On one connection its reply answers both; over another one it is given there as well,
 * since the first is most likely broken, and the client would wait until it loses patience once more.
 */
function askAgain(known: CachedReply, transport: Transport): void {
  if (known.transport === transport || known.askers?.some(asker => asker.transport === transport)) return;
  (known.askers ??= []).push({ transport, token: transport.began() });
}

function answerAskers({ cached, call }: Context): void {
  const askers = cached?.askers;
  if (askers === undefined) return;
  const { reply } = cached!;
  for (const { transport, token } of askers) {
    if (reply !== undefined) replay(transport, reply);
    else accept(transport, call.xid, accept_stat.SYSTEM_ERR);
    transport.ended(token);
  }
}

function start(context: Context, from: XdrReader): void {
  const { service, transport, actor, call, cached } = context;
  let args: unknown;
  try {
    args = actor.args.decode(from);
    if (from.left > 0) throw new XdrError(`${from.left} bytes after the arguments`);
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    if (cached !== undefined) service.replies!.drop(cached);
    service.log.debug({ client: call.peer.address, actor: actor.name, why: error.message }, 'garbage arguments');
    accept(transport, call.xid, accept_stat.GARBAGE_ARGS);
    return;
  }
  run(context, args);
}

function run(context: Context, args: unknown): void {
  const { transport, program, actor, call } = context;
  let result: unknown;
  try {
    result = actor.run(program.contextOf(call), args);
  } catch (error) {
    bug(context, error);
    return;
  }
  if (!(result instanceof Promise)) {
    succeed(context, result);
    return;
  }
  const token = transport.began();
  result.then(
    value => {
      succeed(context, value);
      transport.ended(token);
      answerAskers(context);
    },
    (error: unknown) => {
      bug(context, error);
      transport.ended(token);
      answerAskers(context);
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
    if (cached !== undefined && cached.reply === undefined) keep(context, cached, value);
  } catch (error) {
    bug(context, error);
  }
}

/** The connection has gone while the call was under way: its retry comes over another one. */
function keep({ service, actor, call }: Context, cached: CachedReply, value: unknown): void {
  const to = new XdrWriter();
  acceptedHeader(to, call.xid, accept_stat.SUCCESS);
  actor.res.encode(to, value);
  service.replies!.end(cached, to.toBuffer());
}

/** What an actor throws is not the file system's error but a mistake in this program: it is logged, and life goes on. */
function bug({ service, transport, program, actor, call, cached }: Context, error: unknown): void {
  const client = call.peer.address;
  const name = `${program.name}.${actor.name}`;
  if (error instanceof UnanswerableError) service.log.info({ client, actor: name }, error.message);
  else service.log.error({ err: error, client, xid: call.xid, actor: name }, 'actor failed');
  if (cached !== undefined) service.replies!.drop(cached);
  transport.reply(to => acceptedHeader(to, call.xid, accept_stat.SYSTEM_ERR), call.sent);
}

function replay(transport: Transport, reply: Buffer): void {
  transport.reply(to => to.bytes(reply), undefined);
}

function authenticate(auth: AuthRegistry, transport: Transport, from: XdrReader): Credentials {
  const cred = opaqueAuth(from, auth_stat.AUTH_BADCRED);
  const verf = opaqueAuth(from, auth_stat.AUTH_BADVERF);
  const last = transport.lastAuth;
  if (last !== undefined && verf.body.length === 0 && verf.flavor === 0) {
    if (last.flavor === cred.flavor && last.body.equals(cred.body)) return last.credentials;
  }
  const credentials = auth.authenticate(cred, verf);
  transport.lastAuth = { flavor: cred.flavor, body: lastingCopy(cred.body), credentials };
  return credentials;
}

function opaqueAuth(from: XdrReader, why: auth_stat): opaque_auth {
  try {
    return { flavor: from.uint32(), body: from.opaque(AUTH_BODY_MAX) };
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    throw new AuthError(why, error.message);
  }
}

function accept(transport: Transport, xid: number, stat: accept_stat, ...data: number[]) {
  transport.reply(to => {
    acceptedHeader(to, xid, stat);
    for (const value of data) to.uint32(value);
  }, undefined);
}

function acceptedHeader(to: XdrWriter, xid: number, stat: accept_stat) {
  to.uint32(xid);
  to.uint32(msg_type.REPLY);
  to.uint32(reply_stat.MSG_ACCEPTED);
  to.uint32(0); // verf: AUTH_NONE,
  to.uint32(0); // of no bytes
  to.uint32(stat);
}

function deny(transport: Transport, xid: number, stat: number, ...data: number[]) {
  transport.reply(to => {
    to.uint32(xid);
    to.uint32(msg_type.REPLY);
    to.uint32(reply_stat.MSG_DENIED);
    to.uint32(stat);
    for (const value of data) to.uint32(value);
  }, undefined);
}
