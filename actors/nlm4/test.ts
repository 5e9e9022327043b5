import { nlm4_testargs, nlm4_testres } from '#protocols/nlm.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';
import { LOCK_REFUSED } from './refusals.ts';

/** Answers the question whether a lock could be had as if the lock itself were asked for: it is refused. */
export const test: Actor<NlmCall, nlm4_testargs, nlm4_testres> = {
  name: 'TEST',
  args: nlm4_testargs,
  res: nlm4_testres,
  idempotent: true,

  run({ call, refusals }, { cookie }) {
    refusals.note(call);
    return { cookie, test_stat: { stat: LOCK_REFUSED } };
  },
};
