/**
 * Takes a record with a call and answers it (RFC 5531), without I/O: reads the header, checks the credentials, finds
 * program and actor. Each failure is answered with the RFC's error for it; only a record that is no call throws.
 */
import { accept_stat, AUTH_BODY_MAX, auth_stat, msg_type, type opaque_auth } from '#protocols/rpc.ts';
import { reject_stat, RPC_VERSION } from '#protocols/rpc.ts';
import { XdrError, type XdrReader } from '#protocols/xdr/stream.ts';
import { ownCopy } from '../kept-bytes.ts';
import { accept, deny } from './answers.ts';
import { type AuthRegistry, strengthOf } from './auth/registry.ts';
import { AuthError } from './auth/scheme.ts';
import { answerOnce } from './duplicates/duplicates.ts';
import { isMissing } from './registry.ts';
import { argumentsOf, type Context, run, RpcCall } from './run-call.ts';
import type { Service } from './service.ts';
import type { LastAuth, Transport } from './transport.ts';

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

  let auth: LastAuth;
  try {
    auth = authenticate(service.auth, transport, from);
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
  if (strengthOf(auth.credentials.flavor) < strengthOf(actor.minAuth ?? program.minAuth)) {
    deny(transport, xid, reject_stat.AUTH_ERROR, auth_stat.AUTH_TOOWEAK);
    return;
  }

  if (procedure !== 0) transport.proven = true;
  const call = new RpcCall(xid, transport.peer, auth.credentials);
  const context: Context = { service, transport, program, procedure, actor, call, cached: undefined };
  if (!actor.idempotent && service.replies !== undefined) {
    answerOnce(service.replies, context, auth, from);
    return;
  }
  const args = argumentsOf(context, from);
  if (args !== undefined) run(context, args.value);
}

function authenticate(auth: AuthRegistry, transport: Transport, from: XdrReader): LastAuth {
  const cred = opaqueAuth(from, auth_stat.AUTH_BADCRED);
  const verf = opaqueAuth(from, auth_stat.AUTH_BADVERF);
  const last = transport.lastAuth;
  if (last !== undefined && verf.body.length === 0 && verf.flavor === 0) {
    if (last.flavor === cred.flavor && last.body.equals(cred.body)) return last;
  }
  const credentials = auth.authenticate(cred, verf);
  return (transport.lastAuth = { flavor: cred.flavor, body: ownCopy(cred.body), credentials });
}

function opaqueAuth(from: XdrReader, why: auth_stat): opaque_auth {
  try {
    return { flavor: from.uint32(), body: from.opaque(AUTH_BODY_MAX) };
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    throw new AuthError(why, error.message);
  }
}
