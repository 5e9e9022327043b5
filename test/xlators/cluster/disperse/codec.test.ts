import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { Codec } from '#src/xlators/cluster/disperse/codec/codec.ts';
import { encodingRow, invert, multiply } from '#src/xlators/cluster/disperse/codec/gf8.ts';

/** Fragments that GlusterFS 10.3 has written for 5000 bytes, of which byte i is (i*7 + floor(i/256)) mod 256. */
const WRITTEN = {
  '2+1': [
    'c34af778c50e5d208cf994b727cca734dea73ef394c112fb271bc300f4f8f910',
    '0528bb5525d8004b9981673c7e0c6113b187ccb1b08bfe8f0f991668896ce930',
    '5458edbb7bf21079fbbd24f422646f76c9733df933e1713679aaf2bf26282fec',
  ],
  '4+2': [
    '8679644ad9018a6f0ca675b23d6fbe43c17a5fb1032eb0c0f49c33fc88c82504',
    '8a09add239d7180bf83bd9af44f6fc92117139c2a89a7ecd50ba9ca8b0556598',
    'd796dce6e6b13d725923ce57b4a1e38f420fc669995b87249d0167b60bfc5dc6',
    'f293f9f991f15802b8e3e3bb832ef9579444c5e3b39d64a0ff21e112eb482873',
    '025863b9b0c02f08161bd5fdd696234166e9ff939b2598540c4c5c104804b140',
    '3b30c3fdec014839e8db88a99dfc6a1e78dcf13e05e726b6be988ccf7bb4a024',
  ],
} as const;

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

for (const [name, hashes] of Object.entries(WRITTEN)) {
  t.test(`${name}: the fragments are those that GlusterFS writes`, async t => {
    const [k, r] = name.split('+').map(Number) as [number, number];
    const codec = new Codec(k + r, k);
    const data = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
    const fragments = codec.encode(padded(data, codec.stripe));
    t.strictSame(fragments.map(sha256), hashes);
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
