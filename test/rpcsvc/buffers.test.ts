import t from 'tap';
import { BufferPool } from '#src/rpcsvc/buffers.ts';

t.test('what was given back is taken again, if it is large enough', async t => {
  const pool = new BufferPool();
  for (const size of [1, 16_384, 16_385, 65_536, 1_048_576, 1_048_577]) {
    const buffer = pool.take(size);
    t.ok(buffer.length >= size, `${size}`);
    t.equal(buffer.length & (buffer.length - 1), 0, 'a power of two');
    pool.give(buffer);
    t.equal(pool.take(size), buffer);
    t.not(pool.take(size), buffer, 'and to one only');
  }
});

t.test('buffers of other sizes are not kept', async t => {
  const pool = new BufferPool();
  const odd = Buffer.alloc(20_000);
  pool.give(odd);
  t.not(pool.take(17_000), odd);
});

t.test('no more is kept than 32 MiB', async t => {
  const pool = new BufferPool();
  const taken = Array.from({ length: 40 }, () => pool.take(1_048_576));
  for (const buffer of taken) pool.give(buffer);
  const again = new Set(Array.from({ length: 40 }, () => pool.take(1_048_576)));
  t.equal(taken.filter(buffer => again.has(buffer)).length, 32);
});
