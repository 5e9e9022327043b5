import { NLM4, nlm4_shareargs, nlm4_shareres } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

/** Releases a share reservation. This succeeds for the same reason as UNLOCK. */
export const unshare: Actor<NlmCall, nlm4_shareargs, nlm4_shareres> = {
  name: 'UNSHARE',
  args: nlm4_shareargs,
  res: nlm4_shareres,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat: NLM4.GRANTED, sequence: 0 }),
};
