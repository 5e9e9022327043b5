/** Bricks for tests: what must not be used any more is overwritten. Measurements take them from `brick.ts`, without that. */
import '../../../../support/spoil.ts';

export * from './brick.ts';
