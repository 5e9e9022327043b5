import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { Budget, Share } from '#src/rpc/budget.ts';
import { RecordBuffer, RecordError, type RecordLimits, RecordReader } from '#src/rpc/record.ts';
import { hex } from '../support/hex.ts';
import { mark } from '../support/rpc/service.ts';

const LIMITS: RecordLimits = { recordBytesMax: 300_000, fragmentsMax: 8 };

const landing = Buffer.alloc(1000);

/** Feeds the pieces as a server's connection does: the beginning of a record is copied, and the rest is read in place. */
const copying = (reader: RecordReader, count: number) => reader.take(landing.subarray(0, count));

const lent = new RecordBuffer(landing);
/** Feeds the pieces as a client does: records that have come as a whole are not copied. */
const lending = (reader: RecordReader, count: number) => reader.look(lent, count);

function feed(reader: RecordReader, pieces: Iterable<Buffer>, take = copying): Buffer[] {
  const records: Buffer[] = [];
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const room = reader.partial ? reader.room()! : landing;
      const count = Math.min(room.length, piece.length - at);
      assert(count > 0, 'there is room');
      piece.copy(room, 0, at, at + count);
      at += count;
      if (room === landing) take(reader, count);
      else reader.filled(count);
      while (reader.next()) records.push(Buffer.from(reader.buffer.bytes.subarray(reader.from, reader.to)));
      reader.rest();
      landing.fill(0xee); // It belongs to others now.
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
      const expected = records.map(([bytes]) => bytes);
      for (const take of [copying, lending]) {
        assert.deepEqual(feed(new RecordReader(LIMITS), cut(stream, cuts), take), expected);
      }
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

t.test('memory that a call still holds is not overwritten', async t => {
  const reader = new RecordReader(LIMITS);
  const kept: Buffer[] = [];
  for (let i = 0; i < 5000; i++) {
    const stream = mark(Buffer.alloc(100, i & 255));
    reader.take(stream);
    assert(reader.next());
    reader.buffer.hold();
    kept.push(reader.buffer.bytes.subarray(reader.from, reader.to));
    reader.rest();
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
    t.ok(reader.bytes <= 4096);
  });
}

t.test('two fragments that exceed the limit together are refused', async t => {
  const reader = new RecordReader({ recordBytesMax: 10, fragmentsMax: 8 });
  t.throws(() => feed(reader, [fragments(Buffer.alloc(11), [6])]), RecordError);
});

t.test('empty fragments are ignored', async t => {
  const got = feed(new RecordReader(LIMITS), [hex('00000000 00000002 6162 00000000 80000001 63')]);
  t.strictSame(got.map(String), ['abc']);
});

t.test('the memory of a record is counted from its mark on, and there is no room beyond the share', async t => {
  const budget = new Budget(256 * 1024, 150_000);
  const shares = [new Share(budget), new Share(budget)];
  const readers = shares.map(share => new RecordReader(LIMITS, share));
  const head = mark(Buffer.alloc(100_000, 1)).subarray(0, 20);
  for (const reader of readers) {
    reader.take(head);
    t.notOk(reader.next());
    reader.rest();
  }
  t.equal(budget.used, 8192, 'what has come');
  t.ok(readers[0]!.room()!.length >= 100_000 - 16, 'room for all of it');
  t.equal(shares[0]!.bytes, 131_072, 'in place of the small buffer');
  t.equal(readers[1]!.room(), undefined, 'none for another one');
  readers[0]!.close();
  t.equal(shares[0]!.bytes, 0);
  t.ok(readers[1]!.room(), 'until it has gone');
  readers[1]!.close();
  t.equal(budget.used, 0);
});

t.test('a reader without a record under way keeps no memory', async t => {
  const share = new Share(new Budget(1_000_000, 0));
  const reader = new RecordReader(LIMITS, share);
  reader.take(mark(Buffer.alloc(5000)));
  t.ok(reader.next());
  const { buffer } = reader;
  buffer.hold();
  reader.rest();
  t.equal(share.bytes, 8192, 'the call under way has it');
  buffer.letGo();
  t.equal(share.bytes, 0);
});
