import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { formatRmtab, parseRmtab } from '#src/xlators/nfs/server/mount/rmtab.ts';

t.test('a line has host, path and count', async t => {
  const entries = [
    { host: '10.0.0.1', path: '/data' },
    { host: '2001:db8::1', path: '/a:b:/c d' },
  ];
  const text = '10.0.0.1:/data:0x00000001\n2001:db8::1:/a:b:/c d:0x00000001\n';
  t.equal(formatRmtab(entries), text);
  t.strictSame(parseRmtab(text), { entries, bad: [] });
});

t.test('characters that end a line or control a terminal are escaped', async t => {
  const text = formatRmtab([{ host: 'h', path: '/a\n\u001b[2J\u009b1m\u007f\\\u00e2\u0080\u00ae' }]);
  t.equal(text, 'h:/a\\012\\033[2J\\2331m\\177\\134\\342\\200\\256:0x00000001\n');
  t.match(text, /^[\x20-\x7e]*\n$/);
});

t.test('files of other servers are read, with any count and any host', async t => {
  t.strictSame(parseRmtab('client.example.org:/x:0x0000002a\n').entries, [{ host: 'client.example.org', path: '/x' }]);
});

t.test('invalid lines are reported by their numbers', async t => {
  const long = `h:/${'x'.repeat(1024)}:0x1`;
  const text = [
    'h:/ok:0x1',
    'nonsense',
    '',
    'h:relative:0x1',
    'h:/x',
    'h:/x:1',
    ':/x:0x1',
    'a b:/x:0x1',
    long,
    'i:/ok:0x1',
  ];
  const { entries, bad } = parseRmtab(text.join('\n'));
  t.strictSame(
    entries.map(({ host }) => host),
    ['h', 'i'],
  );
  t.strictSame(bad, [2, 4, 5, 6, 7, 8, 9]);
});

t.test('entries with any bytes in their paths read back as they were written', async () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6());
  const path = fc.uint8Array({ maxLength: 60 }).map(bytes => `/${Buffer.from(bytes).toString('latin1')}`);
  fc.assert(
    fc.property(fc.array(fc.record({ host, path }, { noNullPrototype: true })), entries => {
      assert.deepEqual(parseRmtab(formatRmtab(entries)), { entries, bad: [] });
    }),
  );
});

t.test('any text can be read without an error', async () => {
  fc.assert(fc.property(fc.string(), text => void parseRmtab(text)));
});
