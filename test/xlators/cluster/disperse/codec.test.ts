import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { Codec } from '#src/xlators/cluster/disperse/codec/codec.ts';
import { encodingRow, invert, multiply } from '#src/xlators/cluster/disperse/codec/gf8.ts';

/** Fragments that GlusterFS 10.3 has written for 5000 bytes, of which byte i is (i*7 + floor(i/256)) mod 256. */
const { codes } = JSON.parse(
  readFileSync(new URL('../../../captures/gluster/wire-vectors.json', import.meta.url), 'utf8'),
).ec as { codes: Record<string, { fragment_len: number; sha256: string[] }> };

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** `data` with zeros up to a whole number of stripes. */
const padded = (data: Buffer, stripe: number) =>
  Buffer.concat([data, Buffer.alloc((stripe - (data.length % stripe)) % stripe)]);

/** All selections of `k` of the numbers from `from` to `n - 1`, in ascending order. */
function selections(n: number, k: number, from = 0): number[][] {
  if (k === 0) return [[]];
  const firsts = Array.from({ length: n - from }, (_, i) => from + i);
  return firsts.flatMap(first => selections(n, k - 1, first + 1).map(rest => [first, ...rest]));
}

for (const [name, { fragment_len: length, sha256: hashes }] of Object.entries(codes)) {
  t.test(`${name}: the fragments are those that GlusterFS writes`, async t => {
    const [k, r] = name.split('+').map(Number) as [number, number];
    const codec = new Codec(k + r, k);
    const data = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
    const fragments = codec.encode(padded(data, codec.stripe));
    t.strictSame(fragments.map(sha256), hashes);
    t.ok(fragments.every(fragment => fragment.length === length));
  });
}

for (const [k, r] of [
  [2, 1],
  [3, 2],
  [4, 2],
  [8, 3],
] as const) {
  t.test(`${k}+${r}: any ${k} fragments make the data again`, async t => {
    const codec = new Codec(k + r, k);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20_000 }), bytes => {
        const data = padded(Buffer.from(bytes), codec.stripe);
        const fragments = codec.encode(data);
        for (const bricks of selections(k + r, k)) {
          const decoded = codec.decode(
            bricks,
            bricks.map(brick => fragments[brick]!),
          );
          if (!decoded.equals(data)) throw new Error(`the fragments ${bricks.join()} make something else`);
        }
      }),
      { numRuns: k === 8 ? 5 : 50 },
    );
    t.equal(selections(k + r, k).length > k, true);
  });
}

t.test('data of many blocks, and fragments in any order', async t => {
  const codec = new Codec(5, 3);
  const data = padded(Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * i) >> 5)), codec.stripe);
  const fragments = codec.encode(data);
  t.ok(codec.decode([4, 1, 3], [fragments[4]!, fragments[1]!, fragments[3]!]).equals(data));
  t.ok(codec.decode([0, 1, 2], fragments.slice(0, 3)).equals(data));
});

t.test('the largest volume: 31 bricks, 16 of which are enough', async t => {
  const codec = new Codec(31, 16);
  const data = Buffer.from(Array.from({ length: codec.stripe * 3 }, (_, i) => (i * 31) >> 3));
  const fragments = codec.encode(data);
  const last = Array.from({ length: 16 }, (_, i) => 15 + i);
  t.ok(codec.decode(last, fragments.slice(15)).equals(data));
  // Each combination of bricks has a program of its own, of which a limited number is kept.
  for (let i = 0; i < 100; i++) {
    const bricks = Array.from({ length: 16 }, (_, j) => (i * 7 + j) % 31);
    t.ok(
      codec
        .decode(
          bricks,
          bricks.map(brick => fragments[brick]!),
        )
        .equals(data),
    );
  }
});

t.test('arithmetic in GF(2^8)', async t => {
  const element = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(element, element, element, (a, b, c) => {
      const commutes = multiply(a, b) === multiply(b, a);
      const associates = multiply(a, multiply(b, c)) === multiply(multiply(a, b), c);
      return commutes && associates && multiply(a, b ^ c) === (multiply(a, b) ^ multiply(a, c));
    }),
  );
  t.equal(multiply(0x80, 2), 0x1d);
  t.strictSame(encodingRow(2, 3), [5, 3, 1]);
  t.throws(
    () =>
      invert([
        [1, 2],
        [1, 2],
      ]),
    RangeError,
  );
});
