import type { Call } from '#src/rpcsvc/actor.ts';
import type { Refusals } from './refusals.ts';

/** The context of NLM's actors. */
export interface NlmCall {
  readonly call: Call;
  readonly refusals: Refusals;
}
