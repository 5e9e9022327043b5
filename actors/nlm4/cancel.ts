import { NLM4, nlm4_cancargs, nlm4_res } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

/** Withdraws a blocked request for a lock. This succeeds, since no request is ever left waiting. */
export const cancel: Actor<NlmCall, nlm4_cancargs, nlm4_res> = {
  name: 'CANCEL',
  args: nlm4_cancargs,
  res: nlm4_res,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat: NLM4.GRANTED }),
};
