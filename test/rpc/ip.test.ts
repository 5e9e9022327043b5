import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import {
  bytesOfIp,
  formatIp,
  type Ip,
  ipOfBytes,
  isLoopback,
  isWildcard,
  maskWords,
  parseIp,
  sameUnder,
} from '#src/rpc/ip.ts';

const cases: [text: string, family: 4 | 6, words: number[], formatted: string][] = [
  ['10.0.0.1', 4, [0x0a000001], '10.0.0.1'],
  ['255.255.255.255', 4, [0xffffffff], '255.255.255.255'],
  ['::', 6, [0, 0, 0, 0], '::'],
  ['::1', 6, [0, 0, 0, 1], '::1'],
  ['fe80::1%eth0', 6, [0xfe800000, 0, 0, 1], 'fe80::1'],
  ['2001:DB8:0:0:1::5', 6, [0x20010db8, 0, 0x00010000, 5], '2001:db8::1:0:0:5'],
  ['1:2:3:4:5:6:7:8', 6, [0x10002, 0x30004, 0x50006, 0x70008], '1:2:3:4:5:6:7:8'],
  ['1::', 6, [0x10000, 0, 0, 0], '1::'],
  ['64:ff9b::10.0.0.1', 6, [0x0064ff9b, 0, 0, 0x0a000001], '64:ff9b::a00:1'],
  ['::ffff:10.0.0.1', 4, [0x0a000001], '10.0.0.1'],
  ['::ffff:a00:1', 4, [0x0a000001], '10.0.0.1'],
];

for (const [text, family, words, formatted] of cases) {
  t.test(`${text} is read and written`, async t => {
    const ip = parseIp(text);
    t.strictSame(ip, { family, words });
    t.equal(formatIp(ip!), formatted);
  });
}

t.test('text that is not an address is refused', async t => {
  for (const text of [
    '',
    '10',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1.1',
    '::1::',
    'localhost',
    '10.0.0.1/8',
    '1.2.3.4 ',
  ]) {
    t.equal(parseIp(text), undefined, text);
  }
});

const anyIp: fc.Arbitrary<Ip> = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(bytes => ipOfBytes(Buffer.from(bytes)));

t.test('an address is the same after being written and read, as text and as bytes', async () => {
  fc.assert(
    fc.property(anyIp, ip => {
      const text = formatIp(ip);
      assert.notEqual(isIP(text), 0);
      assert.deepEqual(parseIp(text), ip);
      assert.deepEqual(ipOfBytes(bytesOfIp(ip)), ip);
    }),
  );
});

t.test('masks say the same as a BlockList', async () => {
  const pair = fc.oneof(
    fc.tuple(fc.ipV4(), fc.ipV4(), fc.nat(32)),
    fc.tuple(fc.ipV6(), fc.ipV6(), fc.nat(128)),
    fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, prefix]) => [ip, ip, prefix] as const),
  );
  fc.assert(
    fc.property(pair, ([a, b, prefix]) => {
      const left = parseIp(a)!;
      const right = parseIp(b)!;
      fc.pre(left.family === right.family && (left.family === 4 || !formatIp(left).startsWith('::ffff:')));
      fc.pre(prefix <= (left.family === 4 ? 32 : 128));
      const family = left.family === 4 ? 'ipv4' : 'ipv6';
      const list = new BlockList();
      list.addSubnet(formatIp(left), prefix, family);
      const expected = list.check(formatIp(right), family);
      assert.equal(sameUnder(maskWords(left.family, prefix), left.words, right.words), expected);
    }),
  );
});

t.test('wildcards and loopbacks', async t => {
  const are = (test: (ip: Ip) => boolean, texts: string[]) => texts.map(text => test(parseIp(text)!));
  t.strictSame(are(isWildcard, ['0.0.0.0', '::', '127.0.0.1', '::1']), [true, true, false, false]);
  t.strictSame(are(isLoopback, ['127.0.0.1', '127.8.8.8', '::1', '128.0.0.1', '::', '::2', 'fe80::1']), [
    true, true, true, false, false, false, false,
  ]); // prettier-ignore
});
