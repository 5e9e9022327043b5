import type { Call } from '#src/rpcsvc/actor.ts';
import type { Refusals } from './refusals.ts';

/** What NLM's actors are given of a call. */
export interface NlmCall {
  readonly call: Call;
  readonly refusals: Refusals;
}
