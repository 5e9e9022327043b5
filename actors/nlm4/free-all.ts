import { nlm4_notify } from '#protocols/nlm.ts';
import { nothing } from '#protocols/xdr/codec.ts';
import type { Actor } from '#src/rpcsvc/actor.ts';
import type { NlmCall } from './call.ts';

/** Releases all locks of a client that has crashed: there are none. */
export const freeAll: Actor<NlmCall, nlm4_notify, void> = {
  name: 'FREE_ALL',
  args: nlm4_notify,
  res: nothing,
  idempotent: true,
  run() {},
};
