import { NLM4, nlm4_res, nlm4_testargs } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

/** A server's word to a client that a lock it waits for is its now. Nobody waits for one here: denied, so it is freed. */
export const granted: Actor<NlmCall, nlm4_testargs, nlm4_res> = {
  name: 'GRANTED',
  args: nlm4_testargs,
  res: nlm4_res,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat: NLM4.DENIED }),
};
