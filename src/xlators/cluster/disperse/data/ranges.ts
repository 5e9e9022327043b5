/** Ranges of a file as whole stripes. */

/** The position at or before `offset` at which a stripe begins. */
export const down = (offset: number, stripe: number): number => Math.floor(offset / stripe) * stripe;

/** The position at or after `offset` at which a stripe begins. */
export const up = (offset: number, stripe: number): number => Math.ceil(offset / stripe) * stripe;
