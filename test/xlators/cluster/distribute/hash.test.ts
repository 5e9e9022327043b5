import t from 'tap';
import { hashOf } from '#src/xlators/cluster/distribute/layout/hash.ts';
import { fromPosix, Munging } from '#src/xlators/cluster/distribute/layout/munge.ts';

/** Hashes that GlusterFS 10.3 computed: `getfattr -n dht.file.hashed-subvol.NAME` agreed with each. */
const VECTORS: readonly (readonly [name: string, hash: number])[] = [
  ['a', 0x3a17_e4e6],
  ['bb', 0xcede_05cf],
  ['ccc', 0x2ec2_14d2],
  ['dddd', 0x840c_09c5],
  ['eeeee', 0xe9d6_620f],
  ['file1', 0xa787_fa82],
  ['exactly16chars__', 0xd1da_2d74],
  ['exactly17chars___', 0xb4c1_0cd5],
  ['abcdefghijklmnopqrstuvwxyz0123456789', 0xab7d_53ce],
  ['é', 0x65cf_caa1],
  ['日本語', 0xeecb_aa7d],
  ['ünïcödé', 0xb074_2827],
  ['', 0x8847_74a2],
  ['.file.txt.AbC123', 0xc742_6d64],
  ['.x.yz', 0xba64_4973],
  ['file.tmp', 0x8601_f4d8],
];

const latin1 = (text: string) => Buffer.from(text).toString('latin1');

t.test('hashes of names are those of GlusterFS', async t => {
  const munging = new Munging(undefined, undefined);
  for (const [name, hash] of VECTORS) {
    t.equal(hashOf(munging.nameFor(latin1(name))).toString(16), hash.toString(16), name);
  }
});

t.test('a temporary name of rsync is hashed as the name that it will have', async t => {
  const nameFor = (name: string, rsync?: string, extra?: string) => new Munging(rsync, extra).nameFor(name);
  t.equal(nameFor('.file.txt.AbC123'), 'file.txt');
  t.equal(nameFor('.x.yz'), 'x');
  for (const name of ['file', '.file', 'file.tmp', '..x', '.x.']) t.equal(nameFor(name), name);
  t.equal(nameFor('.x.yz', 'none'), '.x.yz', 'none switches it off');
  t.equal(nameFor('x.part', undefined, '^(.*)\\.part$'), 'x');
  t.equal(nameFor('.x.y', '^(.+)~$', '(z)'), '.x.y', 'other patterns take its place');
  t.equal(nameFor('.x.y', undefined, '^\\.(.)'), 'x', 'the extra pattern comes first');
  t.equal(nameFor('abc', '^(.*)$'), 'abc', 'a part that is the whole name changes nothing');
  t.equal(nameFor('a\nb', '^(.)\n'), 'a', 'a name may have line breaks');
});

t.test('patterns are in the extended syntax of POSIX', async t => {
  for (const [pattern, name, part] of [
    ['^([[:alpha:]]+)[[:digit:]]$', 'abc1', 'abc'],
    ['^([]a]+)x', 'a]x', 'a]'],
    ['^([^]]+)]', 'ab]', 'ab'],
    ['^([\\d]+)1', '\\d1', '\\d'],
    ['^(a{2})b', 'aab', 'aa'],
    ['^(a{)b', 'a{b', 'a{'],
    ['^(a|b)\\.c$', 'b.c', 'b'],
    ['^(\\d)x', 'dx', 'd'],
    ['^([a-c^]+)z', 'a^z', 'a^'],
  ] as const) {
    t.equal(fromPosix(pattern)?.exec(name)?.[1], part, pattern);
  }
  for (const pattern of ['(', '[a', 'a\\', '(?=a)', '[[:none:]]', '*']) {
    t.equal(fromPosix(pattern), undefined, pattern);
    t.throws(() => new Munging(pattern, undefined), /no regular expression/);
  }
});
