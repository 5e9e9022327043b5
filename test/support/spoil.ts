/**
 * Imported for what it does: buffers that are given back are spoiled, so that whoever still looks at one shows. For a
 * server's process: `node --import ./test/support/spoil.ts`.
 */
import { BufferPool } from '#src/rpcsvc/buffers.ts';
import { BufferPool as ReadBuffers } from '#src/xlators/storage/posix/buffers.ts';

const SPOILED = 0xa5;

function spoil<T>(pool: { give(buffer: T): void }, bytesOf: (buffer: T) => Buffer): void {
  const { give } = pool; // oxlint-disable-line typescript/unbound-method -- called with its own `this` below
  pool.give = function (buffer) {
    bytesOf(buffer).fill(SPOILED);
    give.call(this, buffer);
  };
}

spoil(BufferPool.prototype, buffer => buffer);
spoil(ReadBuffers.prototype, ({ bytes }) => bytes);
