import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { RecordError, type RecordLimits, RecordReader } from '#src/rpcsvc/record.ts';
import { hex } from '../support/hex.ts';
import { mark } from '../support/rpc.ts';

const LIMITS: RecordLimits = { recordBytesMax: 300_000, fragmentsMax: 8 };

/** Feeds the pieces as a socket would, into whatever room there is; gives the records as copies. */
function feed(reader: RecordReader, pieces: Iterable<Buffer>): Buffer[] {
  const records: Buffer[] = [];
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const room = reader.room();
      const count = Math.min(room.length, piece.length - at);
      assert(count > 0, 'there is room');
      piece.copy(room, 0, at, at + count);
      at += count;
      reader.filled(count);
      while (reader.next()) records.push(Buffer.from(reader.buffer.bytes.subarray(reader.from, reader.to)));
    }
  }
  return records;
}

function* cut(stream: Buffer, at: readonly number[]): Generator<Buffer> {
  let from = 0;
  for (const end of [...at].map(cut => cut % (stream.length + 1)).sort((a, b) => a - b)) {
    yield stream.subarray(from, end);
    from = end;
  }
  yield stream.subarray(from);
}

/** A record as fragments of the given lengths. */
function fragments(record: Buffer, cuts: readonly number[]): Buffer {
  const parts = [...cut(record, cuts)];
  return Buffer.concat(parts.map((part, i) => mark(part, i === parts.length - 1)));
}

const record = fc
  .tuple(fc.oneof(fc.nat(200), fc.nat(100_000)), fc.nat(255))
  .map(([length, seed]) => Buffer.from(Array.from({ length: Math.min(length, 512) }, (_, i) => (i * 31 + seed) & 255)));
const large = fc.nat(200_000).map(length => Buffer.alloc(length, length & 255));

t.test('records come out whole, however they are fragmented and the stream is cut', async () => {
  const records = fc.array(fc.tuple(fc.oneof(record, large), fc.array(fc.nat(), { maxLength: 6 })), { maxLength: 6 });
  fc.assert(
    fc.property(records, fc.array(fc.nat(), { maxLength: 12 }), (records, cuts) => {
      const stream = Buffer.concat(records.map(([bytes, at]) => fragments(bytes, at)));
      const got = feed(new RecordReader(LIMITS), cut(stream, cuts));
      assert.deepEqual(
        got,
        records.map(([bytes]) => bytes),
      );
    }),
  );
});

t.test('a fragment a byte at a time', async t => {
  const stream = fragments(Buffer.from('abcdefghij'), [3, 3, 7]);
  const got = feed(
    new RecordReader(LIMITS),
    Array.from(stream, byte => Buffer.of(byte)),
  );
  t.strictSame(got.map(String), ['abcdefghij']);
});

t.test('what a call still holds is not written over', async t => {
  const reader = new RecordReader(LIMITS);
  const kept: Buffer[] = [];
  for (let i = 0; i < 5000; i++) {
    const stream = mark(Buffer.alloc(100, i & 255));
    stream.copy(reader.room());
    reader.filled(stream.length);
    assert(reader.next());
    reader.buffer.hold();
    kept.push(reader.buffer.bytes.subarray(reader.from, reader.to));
  }
  t.ok(kept.every((view, i) => view.every(byte => byte === (i & 255))));
});

const refused: [string, string][] = [
  ['a record of 4 GiB, at its mark already', 'ffffffff'],
  ['a first fragment over the limit', '7fffffff'],
  ['fragments that are too many together', '00000000'.repeat(9)],
];
for (const [name, stream] of refused) {
  t.test(`${name}: refused, and nothing is allocated for it`, async t => {
    const reader = new RecordReader(LIMITS);
    t.throws(() => feed(reader, [hex(stream)]), RecordError);
    t.ok(reader.buffer.bytes.length <= 65_536);
  });
}

t.test('two fragments that are over the limit together', async t => {
  const reader = new RecordReader({ recordBytesMax: 10, fragmentsMax: 8 });
  t.throws(() => feed(reader, [fragments(Buffer.alloc(11), [6])]), RecordError);
});

t.test('empty fragments are nothing', async t => {
  const got = feed(new RecordReader(LIMITS), [hex('00000000 00000002 6162 00000000 80000001 63')]);
  t.strictSame(got.map(String), ['abc']);
});
