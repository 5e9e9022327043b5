/**
 * Imported for what it does: buffers that are given back are spoiled, so that whoever still looks at one shows. For a
 * server's process: `node --import ./test/support/spoil.ts`.
 */
import { BufferPool } from '#src/buffer-pool.ts';

const SPOILED = 0xa5;

const { give } = BufferPool.prototype; // oxlint-disable-line typescript/unbound-method -- called with its own `this` below
BufferPool.prototype.give = function (one) {
  one.bytes.fill(SPOILED);
  give.call(this, one);
};
