import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { padOf, PAYLOAD_COPY_MAX, XdrError, XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';

t.test('padding fills the last unit', async t => {
  t.strictSame([0, 1, 2, 3, 4, 5].map(padOf), [0, 3, 2, 1, 0, 3]);
});

t.test('a writer that grows keeps what was written', async t => {
  const to = new XdrWriter(Buffer.alloc(4));
  for (let i = 0; i < 1000; i++) to.uint32(i);
  const from = new XdrReader(to.toBuffer());
  for (let i = 0; i < 1000; i++) assert.equal(from.uint32(), i);
  t.equal(from.left, 0);
});

t.test('the bytes that end a record fit into a writer that must grow for them', async t => {
  const to = new XdrWriter(Buffer.alloc(8));
  to.uint32(1);
  to.tail(Buffer.from('the tail of a record'));
  t.equal(to.toBuffer().toString('latin1', 4), 'the tail of a record');
});

t.test('the padding of a writer that is used again is zero', async t => {
  const to = new XdrWriter();
  to.bytes(Buffer.alloc(64, 0xff));
  to.at = 0;
  to.opaque(Buffer.from('a'));
  to.string('b'.repeat(33));
  t.equal(to.toBuffer().toString('hex'), `0000000161000000${'00000021'}${'62'.repeat(33)}000000`);
});

t.test('payloads are the same bytes in parts and as one buffer', async () => {
  const sizes = fc.array(fc.constantFrom(0, 1, 5, PAYLOAD_COPY_MAX, PAYLOAD_COPY_MAX + 1, 20_001), { maxLength: 5 });
  fc.assert(
    fc.property(sizes, lengths => {
      const [kept, copied] = [new XdrWriter(), new XdrWriter()];
      for (const length of lengths) {
        const bytes = Buffer.alloc(length, length & 0xff);
        kept.uint32(7);
        kept.payload(bytes);
        copied.uint32(7);
        copied.opaque(bytes);
      }
      assert.equal(copied.parts().length, 1);
      assert.ok(Buffer.concat(kept.parts()).equals(copied.toBuffer()));
    }),
    { numRuns: 50 },
  );
});

t.test('a large payload is not copied', async t => {
  const to = new XdrWriter();
  const bytes = Buffer.alloc(PAYLOAD_COPY_MAX + 1);
  to.payload(bytes);
  t.ok(to.parts().includes(bytes));
});

t.test('truncate drops bytes and payloads', async t => {
  const to = new XdrWriter();
  to.payload(Buffer.alloc(10_000, 1));
  const { at, splices } = to;
  const kept = splices.length;
  const before = to.toBuffer();
  to.uint32(1);
  to.payload(Buffer.alloc(10_000, 2));
  to.truncate(at, kept);
  t.ok(to.toBuffer().equals(before));
});

t.test('a length can be written afterwards', async t => {
  const to = new XdrWriter();
  to.uint32(0);
  to.uint32(5);
  to.patchUint32(0, to.at);
  t.equal(to.toBuffer().toString('hex'), '0000000800000005');
});

t.test('a reader stays within its part of the buffer', async t => {
  const from = new XdrReader(Buffer.from('0000000100000002ffffffff', 'hex'), 4, 8);
  t.equal(from.uint32(), 2);
  t.equal(from.at, 8);
  t.equal(from.left, 0);
  t.throws(() => from.uint32(), XdrError);
  t.throws(() => from.uint64(), XdrError);
  t.throws(() => from.bytes(1), XdrError);
  const other = Buffer.from('00000009', 'hex');
  t.equal(from.reset(other, 0, 4).uint32(), 9);
  t.equal(from.reset(other, 0, 4).uint32(), 9, 'the same buffer again');
});

t.test('bytes are read as a view, not as a copy', async t => {
  const record = Buffer.from('0000000161000000', 'hex');
  const bytes = new XdrReader(record).opaque(4);
  record[4] = 0x62;
  t.equal(bytes.toString(), 'b');
});
