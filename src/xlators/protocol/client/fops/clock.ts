import type { Time } from '../../../../graph/fops.ts';

/** The time of the clock, where no layer above has read it. */
export function present(): Time {
  const ms = Date.now();
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}
