import fc from 'fast-check';
import t from 'tap';
import {
  COMMIT_INVALID,
  encodeRange,
  HASH_MAX,
  Layout,
  parseRange,
  type Part,
  type Range,
  rangeOf,
} from '#src/xlators/cluster/distribute/layout/layout.ts';
import { spread } from '#src/xlators/cluster/distribute/layout/spread.ts';

const range = (start: number, stop: number, commit = 0): Range => rangeOf(start, stop, commit);

t.test('a range is four words, most significant byte first', async t => {
  const hex = '5810cf44000000007fffffffffffffff';
  const parsed = parseRange(Buffer.from(hex, 'hex'));
  t.strictSame(parsed, { commit: 0x5810_cf44, isFixed: false, start: 0x7fff_ffff, stop: HASH_MAX });
  t.equal(encodeRange(parsed!).toString('hex'), hex);
  t.match(parseRange(Buffer.from('00000000000000010000000000000005', 'hex')), { isFixed: true });
  for (const wrong of ['', hex.slice(2), '00000000000000020000000000000005', '00000000000000000000000500000004']) {
    t.equal(parseRange(Buffer.from(wrong, 'hex')), undefined, wrong);
  }
});

t.test('a name belongs to the subvolume whose range has its hash', async t => {
  const layout = new Layout([range(0x8000_0000, HASH_MAX), range(0, 0), range(0, 0x7fff_ffff)]);
  t.strictSame(
    [0, 0x7fff_ffff, 0x8000_0000, HASH_MAX].map(hash => layout.childFor(hash)),
    [2, 2, 0, 0],
  );
  t.equal(new Layout([range(0, 0), 'bare', 'missing']).childFor(0), -1, 'an empty range has not even 0');
});

t.test('anomalies', async t => {
  const half = range(0, 0x7fff_ffff);
  const other = range(0x8000_0000, HASH_MAX);
  for (const [name, parts, expected] of [
    ['whole', [half, other], { holes: 0, overlaps: 0 }],
    ['whole, in another order, with a subvolume that was added', [other, half, range(0, 0)], { holes: 0, overlaps: 0 }],
    ['nothing at all', ['bare', 'bare'], { holes: 1, overlaps: 0, bare: 2 }],
    ['a hole at the end', [half, 'missing'], { holes: 1, overlaps: 0, missing: 1 }],
    ['a hole at the start', ['down', other], { holes: 1, overlaps: 0, down: 1 }],
    ['a hole in the middle', [range(0, 9), range(11, HASH_MAX)], { holes: 1, overlaps: 0 }],
    ['an overlap', [range(0, 10), range(10, HASH_MAX)], { holes: 0, overlaps: 1 }],
    ['one within another', [range(0, HASH_MAX), range(10, 20)], { holes: 0, overlaps: 1 }],
  ] as const satisfies readonly (readonly [string, readonly Part[], object])[]) {
    t.match(new Layout(parts).anomalies(), { missing: 0, bare: 0, down: 0, ...expected }, name);
  }
});

t.test('the commit hash is that of all ranges, or invalid', async t => {
  const commit = (...commits: number[]) => new Layout(commits.map(one => range(0, 0, one))).commit;
  t.strictSame([commit(0, 0), commit(7, 7), commit(0, 7), commit(7, 8)], [0, 7, 7, COMMIT_INVALID]);
});

const even = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `v-client-${i}`, takes: true, weight: 5 }));
const plain = { seed: 0, commit: 0, width: 0, isWeighted: true };
const bounds = ({ parts }: Layout) => parts.map(part => (typeof part === 'string' ? part : [part.start, part.stop]));

t.test('a new directory is spread as GlusterFS spreads it', async t => {
  t.strictSame(bounds(spread(even(2), plain)), [
    [0, 0x7fff_fffe],
    [0x7fff_ffff, HASH_MAX],
  ]);
  t.strictSame(bounds(spread(even(3), { ...plain, seed: 4 })), [
    [0xaaaa_aaaa, HASH_MAX],
    [0, 0x5555_5554],
    [0x5555_5555, 0xaaaa_aaa9],
  ]);
  const eleven = spread(even(11), plain);
  t.match(eleven.parts[10], { start: 0x1745_d174 + 0x1745_d174 }, 'client-10 comes after client-1');
  const [small, large] = [
    { name: 'a', takes: true, weight: 1 },
    { name: 'b', takes: true, weight: 3 },
  ];
  t.strictSame(bounds(spread([small!, large!], plain)), [
    [0, 0x3fff_fffe],
    [0x3fff_ffff, HASH_MAX],
  ]);
  t.strictSame(bounds(spread([small!, large!], { ...plain, isWeighted: false })), bounds(spread(even(2), plain)));
  t.strictSame(bounds(spread([small!, { ...large!, weight: 0 }], plain)), bounds(spread(even(2), plain)));
});

t.test('subvolumes that take nothing get an empty range', async t => {
  const [a, b, c] = even(3);
  const parts = bounds(spread([a!, { ...b!, takes: false }, c!], plain));
  t.strictSame(parts, [
    [0, 0x7fff_fffe],
    [0, 0],
    [0x7fff_ffff, HASH_MAX],
  ]);
  t.strictSame(bounds(spread(even(3), { ...plain, width: 1 })), [
    [0, HASH_MAX],
    [0, 0],
    [0, 0],
  ]);
  t.ok(spread([{ ...a!, takes: false }], plain).isWhole, 'if none takes anything, all do');
});

t.test('any spread is whole', async () => {
  const candidate = fc.record({ name: fc.string(), takes: fc.boolean(), weight: fc.integer({ min: 0, max: 1e6 }) });
  const how = fc.record({
    seed: fc.integer({ min: 0, max: HASH_MAX }),
    commit: fc.nat(),
    width: fc.nat(5),
    isWeighted: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(candidate, { minLength: 1, maxLength: 20 }), how, (candidates, how) => {
      return spread(candidates, how).isWhole;
    }),
  );
});
