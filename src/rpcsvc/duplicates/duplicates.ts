/** Handles calls whose replies are kept: tells a new call from a repeat of one that was answered or is under way. */
import type { XdrReader } from '#protocols/xdr/stream.ts';
import { decode } from '#protocols/xdr/codec.ts';
import type { LastAuth } from '../transport.ts';
import { ACCEPTED_HEADER_BYTES, replay } from '../answers.ts';
import { askAgain } from './askers.ts';
import { type CallKey, callerOf, checksumOf, isSummedWhole } from './call-key.ts';
import type { CachedReply } from './client-replies.ts';
import type { ReplyCache } from './reply-cache.ts';
import { argumentsOf, bug, type Context, run, runWaiting } from '../run-call.ts';

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
    askAgain(known, transport);
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
 * Handles a call whose summed bytes equal those of an answered call: the actor must decide whether it is the same call.
 */
async function decide(known: CachedReply, reply: Buffer, context: Context, args: unknown, begin: () => void) {
  const { transport, program, actor, call } = context;
  const token = transport.began(0); // keeps the buffer of the arguments
  let made: unknown;
  let isSame: boolean;
  try {
    made = program.contextOf(call);
    const earlier: unknown = decode(actor.res, reply.subarray(ACCEPTED_HEADER_BYTES));
    isSame = await actor.repeats!(made, args, earlier);
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
    runWaiting(context, args, token, made);
  }
}
