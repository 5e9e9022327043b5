/** What asks for a lock. All of it is refused, at once: no client waits, and none believes that it has what it has not. */
import { NLM4, nlm4_lockargs, nlm4_res, nlm4_shareargs, nlm4_shareres } from '#protocols/nlm.ts';
import { nlm4_testargs, nlm4_testres } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

/** "The server could not allocate the necessary resources" (RFC 1813, 6.1.4): clients make it ENOLCK, and do not retry. */
const stat = NLM4.DENIED_NOLOCKS;

export const test: Actor<NlmCall, nlm4_testargs, nlm4_testres> = {
  name: 'TEST',
  args: nlm4_testargs,
  res: nlm4_testres,
  idempotent: true,

  run({ call, refusals }, { cookie }) {
    refusals.note(call);
    return { cookie, test_stat: { stat } };
  },
};

/** Refused also where it would wait (`block`): BLOCKED would be the promise of a callback. */
export const lock: Actor<NlmCall, nlm4_lockargs, nlm4_res> = {
  name: 'LOCK',
  args: nlm4_lockargs,
  res: nlm4_res,
  idempotent: true,

  run({ call, refusals }, { cookie }) {
    refusals.note(call);
    return { cookie, stat };
  },
};

/** A lock of a client that nobody watches for crashes. */
export const nmLock: typeof lock = { ...lock, name: 'NM_LOCK' };

export const share: Actor<NlmCall, nlm4_shareargs, nlm4_shareres> = {
  name: 'SHARE',
  args: nlm4_shareargs,
  res: nlm4_shareres,
  idempotent: true,

  run({ call, refusals }, { cookie }) {
    refusals.note(call);
    return { cookie, stat, sequence: 0 };
  },
};
