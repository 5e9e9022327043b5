/** Calls whose replies are kept: whether one is new, a repeat of an answered one, or of one that is under way. */
import type { XdrReader } from '#protocols/xdr/stream.ts';
import { decode } from '#protocols/xdr/codec.ts';
import type { LastAuth } from './transport.ts';
import { ACCEPTED_HEADER_BYTES, replay } from './answers.ts';
import { type CallKey, callerOf, checksumOf, isSummedWhole } from './call-key.ts';
import type { CachedReply } from './client-replies.ts';
import type { ReplyCache } from './reply-cache.ts';
import { argumentsOf, bug, type Context, run, runWaiting } from './run-call.ts';

/** Answers a call whose arguments are left in `from`, from the cache or by carrying it out. */
export function answerOnce(replies: ReplyCache, context: Context, auth: LastAuth, from: XdrReader): void {
  const { transport, program, actor, call, procedure } = context;
  const { buffer, at, left: length } = from;
  const endsSuffice = actor.repeats !== undefined;
  const key: CallKey = {
    client: call.peer.address,
    xid: call.xid,
    program: program.number,
    version: program.version,
    procedure,
    caller: (auth.caller ??= callerOf(auth.credentials)),
    length,
    checksum: checksumOf(buffer, at, at + length, endsSuffice),
  };
  const bytes = isSummedWhole(length, endsSuffice) ? undefined : buffer.subarray(at, at + length);
  const known = replies.find(key, transport.origin, bytes);
  const begin = () => (context.cached = replies.begin(key, transport.origin, bytes));
  if (known === undefined) {
    begin();
    const args = argumentsOf(context, from);
    if (args !== undefined) run(context, args.value);
  } else if (known.reply === undefined) {
    askAgain(known, context);
  } else if (bytes === undefined) {
    answerAgain(known, known.reply, context);
  } else {
    const args = argumentsOf(context, from);
    if (args !== undefined) void decide(known, known.reply, context, args.value, begin);
  }
}

function answerAgain(known: CachedReply, reply: Buffer, { transport, call }: Context): void {
  known.origin = transport.origin;
  replay(transport, reply, call.sent);
}

/**
 * Sent again while it is under way. On one connection its reply answers both; over another one it is given there as well,
 * since the first is gone.
 */
function askAgain(known: CachedReply, { transport }: Context): void {
  if (known.origin === transport.origin) return;
  known.origin = transport.origin;
  (known.askers ??= []).push({ transport, token: transport.began(0) });
}

/** All that was summed is that of an answered call. Whether this call is the same one, the actor must find out. */
async function decide(known: CachedReply, reply: Buffer, context: Context, args: unknown, begin: () => void) {
  const { transport, program, actor, call } = context;
  const token = transport.began(0); // which keeps the arguments
  let isSame: boolean;
  try {
    const earlier: unknown = decode(actor.res, reply.subarray(ACCEPTED_HEADER_BYTES));
    isSame = await actor.repeats!(program.contextOf(call), args, earlier);
  } catch (error) {
    bug(context, error);
    transport.ended(token, 0);
    return;
  }
  if (isSame) {
    answerAgain(known, reply, context);
    transport.ended(token, 0);
  } else {
    begin();
    runWaiting(context, args, token);
  }
}
