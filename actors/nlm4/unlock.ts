import { NLM4, nlm4_res, nlm4_unlockargs } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

/**
 * Releases a lock. This succeeds, although no client has one: a client whose LOCK was interrupted does not know the
 * answer to it, and unlocks to be sure.
 */
export const unlock: Actor<NlmCall, nlm4_unlockargs, nlm4_res> = {
  name: 'UNLOCK',
  args: nlm4_unlockargs,
  res: nlm4_res,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat: NLM4.GRANTED }),
};
