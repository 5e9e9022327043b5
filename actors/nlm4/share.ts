import { nlm4_shareargs, nlm4_shareres } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';
import { LOCK_REFUSED } from './refusals.ts';

/** Refuses a share reservation, as DOS and Windows programs make it for a whole file. */
export const share: Actor<NlmCall, nlm4_shareargs, nlm4_shareres> = {
  name: 'SHARE',
  args: nlm4_shareargs,
  res: nlm4_shareres,
  idempotent: true,

  run({ call, refusals }, { cookie }) {
    refusals.note(call);
    return { cookie, stat: LOCK_REFUSED, sequence: 0 };
  },
};
