/**
 * The procedures in halves: X_MSG asks, and the answer is a call of X_RES in the other direction (RFC 1813, 6.2). "The
 * void response implies no reply": to give one costs nothing, and tells callers who wait for it that they were heard.
 *
 * No X_RES is ever called from here. It would go to whatever address a datagram bears, so that a forged one made this
 * server ask another machine's port mapper and call it, to say no more than that there are no locks. Linux uses the whole
 * procedures. A client that uses the halves waits for a call that does not come: the log tells what to mount it with.
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

// Answers to questions that were never asked: taken, and left at that.
export const testRes = message('TEST_RES', nlm4_testres);
export const lockRes = message('LOCK_RES', nlm4_res);
export const cancelRes = message('CANCEL_RES', nlm4_res);
export const unlockRes = message('UNLOCK_RES', nlm4_res);
export const grantedRes = message('GRANTED_RES', nlm4_res);
