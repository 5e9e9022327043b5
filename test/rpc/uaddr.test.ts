import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import fc from 'fast-check';
import t from 'tap';
import { decodeTaddr, decodeUaddr, encodeTaddr, encodeUaddr } from '#src/rpc/uaddr.ts';
import { formatIp, parseIp } from '#src/rpc/ip.ts';

const cases = [
  { text: '10.1.2.3.8.1', host: '10.1.2.3', port: 2049 },
  { text: '0.0.0.0.0.111', host: '0.0.0.0', port: 111 },
  { text: '::.8.1', host: '::', port: 2049 },
  { text: '::1.255.255', host: '::1', port: 65535 },
  { text: '2001:db8::7.0.0', host: '2001:db8::7', port: 0 },
];

for (const { text, host, port } of cases) {
  t.test(`${text} is port ${port} of ${host}`, async t => {
    t.strictSame(decodeUaddr(text), { host, port });
    t.equal(encodeUaddr({ host, port }), text);
  });
}

t.test('text that is not a universal address is refused', async t => {
  const none = [
    '',
    '/run/rpcbind.sock',
    '10.0.0.1',
    '10.0.0.1.8',
    '10.0.0.1.256.1',
    '10.0.0.1.8.',
    '10.0.0.1.-8.1',
    'a.8.1',
    '.8.1',
  ];
  for (const text of none) t.equal(decodeUaddr(text), undefined, text);
});

const hostPort = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65535))
  .map(([host, port]) => ({ host: formatIp(parseIp(host)!), port }));

t.test('an address is the same after being written and read, in both forms', async () => {
  fc.assert(
    fc.property(hostPort, at => {
      assert.deepEqual(decodeUaddr(encodeUaddr(at)), at);
      assert.deepEqual(decodeTaddr(encodeTaddr(at)), at);
    }),
  );
});

t.test('any text and any bytes are read or refused', async () => {
  fc.assert(fc.property(fc.string(), text => void decodeUaddr(text)));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), bytes => void decodeTaddr(Buffer.from(bytes))));
});

t.test('a transport address is a sockaddr', { skip: endianness() !== 'LE' }, async t => {
  t.equal(encodeTaddr({ host: '10.1.2.3', port: 2049 }).toString('hex'), `0200${'0801'}${'0a010203'}${'00'.repeat(8)}`);
  const six = encodeTaddr({ host: '::1', port: 111 }).toString('hex');
  t.equal(six, `0a00${'006f'}${'00000000'}${'00'.repeat(15)}01${'00000000'}`);
  t.equal(decodeTaddr(Buffer.from(six, 'hex').subarray(0, 20)), undefined, 'cut short');
  t.equal(decodeTaddr(Buffer.alloc(16)), undefined, 'no family');
});
