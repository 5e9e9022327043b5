/**
 * Importing this module makes buffers unusable once they are given back to their pool, so that code that still reads
 * one is found out. For the process of a server: `node --import ./test/support/spoil.ts`.
 */
import { BufferPool } from '#src/sys/process/buffer-pool.ts';

const SPOILED = 0xa5;

const { give } = BufferPool.prototype; // oxlint-disable-line typescript/unbound-method -- called with its own `this` below
BufferPool.prototype.give = function (one) {
  one.bytes.fill(SPOILED);
  give.call(this, one);
};
