/**
 * The asynchronous procedures: a client calls X_MSG, and the answer is a call of X_RES in the other direction (RFC
 * 1813, 6.2). "The void response implies no reply", but here each call gets an empty reply: it costs nothing, and tells
 * a client that waits for one that the call has arrived.
 *
 * This server never calls X_RES. That call would go to the address in the datagram: with a forged one, a client could
 * make this server ask another machine's port mapper and call the program there, only to say that there are no locks.
 * Linux uses the synchronous procedures. A client that uses these waits in vain, so the log says how to mount there.
 */
import {
  nlm4_cancargs,
  nlm4_lockargs,
  nlm4_res,
  nlm4_testargs,
  nlm4_testres,
  nlm4_unlockargs,
} from '#protocols/nlm.ts';
import { type Codec, nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

type Message<Args> = Actor<NlmCall, Args, void>;

const message = <Args>(name: string, args: Codec<Args>, run: Message<Args>['run'] = () => {}): Message<Args> => ({
  name,
  args,
  res: nothing,
  idempotent: true,
  run,
});

const refused = ({ call, refusals }: NlmCall) => refusals.note(call);

export const testMsg = message('TEST_MSG', nlm4_testargs, refused);
export const lockMsg = message('LOCK_MSG', nlm4_lockargs, refused);
export const cancelMsg = message('CANCEL_MSG', nlm4_cancargs);
export const unlockMsg = message('UNLOCK_MSG', nlm4_unlockargs);
export const grantedMsg = message('GRANTED_MSG', nlm4_testargs);

// Answers to calls that this server never makes: they are ignored.
export const testRes = message('TEST_RES', nlm4_testres);
export const lockRes = message('LOCK_RES', nlm4_res);
export const cancelRes = message('CANCEL_RES', nlm4_res);
export const unlockRes = message('UNLOCK_RES', nlm4_res);
export const grantedRes = message('GRANTED_RES', nlm4_res);
