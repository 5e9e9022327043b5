import t from 'tap';
import { BufferPool, type Pooled } from '#src/sys/process/buffer-pool.ts';

const MiB = 1024 * 1024;

const pooled = () =>
  new BufferPool<Pooled>({
    smallest: 4096,
    largest: 4 * MiB,
    keptMax: 32 * MiB,
    make: size => ({ bytes: Buffer.allocUnsafeSlow(size) }),
  });

t.test('a buffer that was given back is reused if it is large enough', async t => {
  const pool = pooled();
  for (const size of [0, 1, 4096, 4097, 65_536, MiB, MiB + 1]) {
    const one = pool.take(size);
    t.ok(one.bytes.length >= size, `${size}`);
    t.equal(one.bytes.length, pool.sizeFor(size));
    t.equal(one.bytes.length & (one.bytes.length - 1), 0, 'the size is a power of two');
    pool.give(one);
    t.equal(pool.take(size), one);
    t.not(pool.take(size), one, 'a buffer is given to one caller only');
  }
});

t.test('a pool keeps no more than its limit, and frees other buffers at once', async t => {
  const pool = pooled();
  const taken = Array.from({ length: 40 }, () => pool.take(MiB));
  for (const one of taken) pool.give(one);
  t.equal(pool.keptBytes, 32 * MiB);
  t.equal(taken.filter(({ bytes }) => bytes.length === 0).length, 8, 'the memory of the other buffers is freed');
  const large = pool.take(5 * MiB);
  pool.give(large);
  t.equal(large.bytes.length, 0, 'a buffer that is too large to keep is freed');
});

t.test('buffers that are not needed for a while are freed', async t => {
  const pool = pooled();
  const taken = Array.from({ length: 20 }, () => pool.take(MiB));
  for (const one of taken) pool.give(one);
  pool.trim(); // All buffers have been in use since the last call.
  t.equal(pool.keptBytes, 20 * MiB);
  const used = [pool.take(MiB), pool.take(MiB)];
  for (const one of used) pool.give(one);
  pool.trim();
  t.equal(pool.keptBytes, 2 * MiB, 'the two buffers that were in use are kept');
  pool.trim();
  t.equal(pool.keptBytes, 0);
});
