import { NLM4, nlm4_res, nlm4_testargs } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

/**
 * Another server tells a client here that the lock which the client waited for was granted. No program here waits for
 * one, so the answer is DENIED, and the other server releases the lock.
 */
export const granted: Actor<NlmCall, nlm4_testargs, nlm4_res> = {
  name: 'GRANTED',
  args: nlm4_testargs,
  res: nlm4_res,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat: NLM4.DENIED }),
};
