/** A call that is sent again while the first copy of it is under way: every connection that asks gets the reply. */
import { accept_stat } from '#protocols/rpc.ts';
import { accept, replay } from '../answers.ts';
import type { Transport } from '../transport.ts';
import type { CachedReply } from './client-replies.ts';

/**
 * Notes that the call has come again over `transport`. On the same connection one reply answers both copies. On another
 * connection the reply is sent there as well, since the first connection has ended.
 */
export function askAgain(call: CachedReply, transport: Transport): void {
  if (call.origin === transport.origin) return;
  call.origin = transport.origin;
  (call.askers ??= []).push({ transport, token: transport.began(0) });
}

/** Answers the other connections that have asked for the call with this xid, once it has been answered itself. */
export function answerAskers({ askers, reply }: CachedReply, xid: number): void {
  if (askers === undefined) return;
  for (const { transport, token } of askers) {
    if (reply !== undefined) replay(transport, reply);
    else accept(transport, xid, accept_stat.SYSTEM_ERR);
    transport.ended(token, 0);
  }
}
