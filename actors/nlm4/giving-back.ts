/**
 * What gives a lock back, or the wish for one. Nothing is held, so nothing is left after it: granted, so that a client
 * whose call was interrupted, and which cannot know what became of it, has its peace.
 */
import { NLM4, nlm4_cancargs, nlm4_notify, nlm4_res, nlm4_shareargs, nlm4_shareres } from '#protocols/nlm.ts';
import { nlm4_unlockargs } from '#protocols/nlm.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

const stat = NLM4.GRANTED;

export const cancel: Actor<NlmCall, nlm4_cancargs, nlm4_res> = {
  name: 'CANCEL',
  args: nlm4_cancargs,
  res: nlm4_res,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat }),
};

export const unlock: Actor<NlmCall, nlm4_unlockargs, nlm4_res> = {
  name: 'UNLOCK',
  args: nlm4_unlockargs,
  res: nlm4_res,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat }),
};

export const unshare: Actor<NlmCall, nlm4_shareargs, nlm4_shareres> = {
  name: 'UNSHARE',
  args: nlm4_shareargs,
  res: nlm4_shareres,
  idempotent: true,
  run: (_, { cookie }) => ({ cookie, stat, sequence: 0 }),
};

export const freeAll: Actor<NlmCall, nlm4_notify, void> = {
  name: 'FREE_ALL',
  args: nlm4_notify,
  res: nothing,
  idempotent: true,
  run() {},
};
