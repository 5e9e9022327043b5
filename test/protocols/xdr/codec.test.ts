import t from 'tap';
import * as xdr from '#protocols/xdr/codec.ts';
import { PAYLOAD_COPY_MAX, XdrError } from '#protocols/xdr/stream.ts';
import { oneCodec } from '../../support/codecs/properties.ts';
import { hex } from '../../support/hex.ts';

const point = xdr.struct({ x: xdr.int32, y: xdr.uint32 });
const shapes: Record<string, xdr.Codec<any>> = {
  nothing: xdr.nothing,
  bool: xdr.bool,
  int32: xdr.int32,
  uint32: xdr.uint32,
  uint64: xdr.uint64,
  size64: xdr.size64,
  enumOf: xdr.enumOf({ ONE: 1, TEN: 10 }),
  opaque: xdr.opaque(100),
  payload: xdr.payload(100_000),
  fixedOpaque: xdr.fixedOpaque(7),
  string: xdr.string(70),
  array: xdr.array(xdr.uint64, 3),
  list: xdr.list(xdr.string(9), 3),
  option: xdr.option(point),
  struct: xdr.struct({ point, more: xdr.array(point, 2) }),
  union: xdr.union('kind', xdr.enumOf({ A: 0, B: 1 }), { 0: xdr.nothing, 1: point }),
};
for (const [name, codec] of Object.entries(shapes)) oneCodec(t, name, codec);

const fixtures: { name: string; codec: xdr.Codec<any>; value: unknown; bytes: string }[] = [
  { name: 'int32 below zero', codec: xdr.int32, value: -2, bytes: 'fffffffe' },
  { name: 'uint32, the highest', codec: xdr.uint32, value: 0xffff_ffff, bytes: 'ffffffff' },
  { name: 'uint64, the highest', codec: xdr.uint64, value: 2n ** 64n - 1n, bytes: 'ffffffffffffffff' },
  { name: 'size64, the highest', codec: xdr.size64, value: 2 ** 53 - 1, bytes: '001fffffffffffff' },
  { name: 'bool', codec: xdr.bool, value: true, bytes: '00000001' },
  {
    name: 'opaque with padding',
    codec: xdr.opaque(9),
    value: Buffer.from('abcde'),
    bytes: '00000005 6162636465000000',
  },
  { name: 'fixed opaque', codec: xdr.fixedOpaque(3), value: Buffer.from('abc'), bytes: '61626300' },
  { name: 'string of any bytes', codec: xdr.string(9), value: 'a\u00ff\u0000', bytes: '00000003 61ff0000' },
  { name: 'array', codec: xdr.array(xdr.uint32, 2), value: [1, 2], bytes: '00000002 00000001 00000002' },
  {
    name: 'list',
    codec: xdr.list(xdr.uint32, 2),
    value: [7, 8],
    bytes: '00000001 00000007 00000001 00000008 00000000',
  },
  { name: 'option, absent', codec: xdr.option(xdr.uint32), value: undefined, bytes: '00000000' },
  { name: 'option, present', codec: xdr.option(xdr.uint32), value: 9, bytes: '00000001 00000009' },
  { name: 'union, void arm', codec: shapes.union!, value: { kind: 0 }, bytes: '00000000' },
  {
    name: 'union, struct arm',
    codec: shapes.union!,
    value: { kind: 1, x: -1, y: 1 },
    bytes: '00000001 ffffffff 00000001',
  },
];
for (const { name, codec, value, bytes } of fixtures) {
  t.test(`${name}: the bytes of RFC 4506`, async t => {
    t.equal(xdr.encode(codec, value).toString('hex'), hex(bytes).toString('hex'));
    t.strictSame(xdr.decode(codec, hex(bytes)), value);
  });
}

const refused: { name: string; codec: xdr.Codec<any>; bytes: string }[] = [
  { name: 'a boolean of 2', codec: xdr.bool, bytes: '00000002' },
  { name: 'an unknown enum value', codec: shapes.enumOf!, bytes: '00000002' },
  { name: 'an opaque that is longer than its bound', codec: xdr.opaque(3), bytes: '00000004 00000000' },
  { name: 'an opaque that is longer than the bytes left', codec: xdr.opaque(0xffff_ffff), bytes: 'ffffffff 00000000' },
  { name: 'an opaque without its padding', codec: xdr.opaque(9), bytes: '00000005 6162636465' },
  {
    name: 'an array that is longer than its bound',
    codec: xdr.array(xdr.uint32, 1),
    bytes: '00000002 00000000 00000000',
  },
  {
    name: 'an array that is longer than the bytes left',
    codec: xdr.array(xdr.uint32, 2 ** 32),
    bytes: 'ffffffff 00000000',
  },
  {
    name: 'a list that is longer than its bound',
    codec: xdr.list(xdr.uint32, 1),
    bytes: '00000001 00000000 00000001 00000000 00000000',
  },
  { name: 'a union whose tag has no arm', codec: xdr.union('k', xdr.uint32, { 1: xdr.nothing }), bytes: '00000002' },
];
for (const { name, codec, bytes } of refused) {
  t.test(`${name} is refused`, async t => {
    t.throws(() => xdr.decode(codec, hex(bytes)), XdrError);
  });
}

t.test('a size64 that does not fit in 64 bits is encoded as 2^64 - 2^32', async t => {
  const inStruct = xdr.struct({ a: xdr.size64, b: xdr.uint32 });
  const inVariable = xdr.struct({ a: xdr.size64, b: xdr.string(1) });
  for (const [value, bytes] of [
    [2 ** 53, '0020000000000000'],
    [2 ** 64 - 2048, 'fffffffffffff800'],
    [2 ** 64, 'ffffffff00000000'],
    [2 ** 76, 'ffffffff00000000'],
    [Infinity, 'ffffffff00000000'],
  ] as const) {
    t.equal(xdr.encode(xdr.size64, value).toString('hex'), bytes);
    t.equal(xdr.encode(inStruct, { a: value, b: 1 }).toString('hex'), `${bytes}00000001`);
    t.equal(xdr.encode(inVariable, { a: value, b: '' }).toString('hex'), `${bytes}00000000`);
  }
});

t.test('size64 above 2^53 - 1 decodes to Infinity', async t => {
  t.equal(xdr.decode(xdr.size64, hex('0020000000000000')), Infinity);
  t.equal(xdr.decode(xdr.size64, hex('ffffffffffffffff')), Infinity);
});

t.test('a large payload is encoded as an opaque', async t => {
  for (const length of [PAYLOAD_COPY_MAX, PAYLOAD_COPY_MAX + 1, 100_000 - 2]) {
    const value = Buffer.alloc(length, 'x');
    t.ok(xdr.encode(xdr.payload(100_000), value).equals(xdr.encode(xdr.opaque(100_000), value)), `${length} bytes`);
  }
});
