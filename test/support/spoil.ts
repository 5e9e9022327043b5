/**
 * Imported for its effect: what must not be used any more is overwritten, so that a test fails that still looks at it.
 * For a server's process: `node --import ./test/support/spoil.ts`.
 */
import { BufferPool } from '#src/sys/process/buffer-pool.ts';
import { Stat } from '#src/sys/files/statx.ts';

export const SPOILED = 0xa5;

// Buffers, when they are given back.
const { give } = BufferPool.prototype; // oxlint-disable-line typescript/unbound-method -- called with its own `this` below
BufferPool.prototype.give = function (one) {
  one.bytes.fill(SPOILED);
  give.call(this, one);
};

// Attributes, when the code that asked for them has ended or awaits something.
const answerOf = Stat.of;
Stat.of = result => {
  const seen = answerOf(result);
  if (seen !== undefined) queueMicrotask(() => seen.bytes.fill(SPOILED));
  return seen;
};
