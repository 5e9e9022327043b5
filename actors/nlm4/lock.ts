import { nlm4_lockargs, nlm4_res } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';
import { LOCK_REFUSED } from './refusals.ts';

/** Refuses a lock, also if the client is ready to wait (`block`): BLOCKED would promise that the server calls back. */
export const lock: Actor<NlmCall, nlm4_lockargs, nlm4_res> = {
  name: 'LOCK',
  args: nlm4_lockargs,
  res: nlm4_res,
  idempotent: true,

  run({ call, refusals }, { cookie }) {
    refusals.note(call);
    return { cookie, stat: LOCK_REFUSED };
  },
};

/** Refuses a lock whose client does not want to be monitored for crashes (RFC 1813, 6.3). */
export const nmLock: typeof lock = { ...lock, name: 'NM_LOCK' };
