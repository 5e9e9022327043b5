import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { HANDLE_BYTES_MAX, Handles, isHandleIn } from '#src/xlators/nfs/server/handle.ts';

const bytes = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map(array => Buffer.from(array));
const handles = new Handles(Buffer.alloc(16, 1));
const parts = fc.record({
  volumeKey: fc.nat(0xffff_ffff),
  exportId: fc.nat(0xffff),
  gfid: bytes(16, 16),
  hint: fc.option(bytes(1, 24), { nil: undefined }),
});
const encode = ({
  volumeKey,
  exportId,
  gfid,
  hint,
}: {
  volumeKey: number;
  exportId: number;
  gfid: Buffer;
  hint: Buffer | undefined;
}) => handles.encode(volumeKey, exportId, gfid, hint);

t.test('a handle decodes to the values that it was made from', async () => {
  fc.assert(
    fc.property(parts, of => {
      const handle = encode(of);
      assert(handle.length <= HANDLE_BYTES_MAX);
      assert.deepEqual(handles.decode(handle), { ...of });
    }),
  );
});

t.test('handles are those of earlier versions, which clients still hold', async t => {
  const handle = new Handles(Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')).encode(
    0x5d2a4c81,
    0x0102,
    Buffer.from('101112131415161718191a1b1c1d1e1f', 'hex'),
    Buffer.from('2021222324', 'hex'),
  );
  t.equal(handle.toString('hex'), '010501025d2a4c81101112131415161718191a1b1c1d1e1f20212223240783650d3a3ca761');
});

t.test('a handle has 32 bytes without a hint, as MOUNT version 1 needs, and at most 56, as VMware accepts', async t => {
  t.equal(handles.encode(1, 0, Buffer.alloc(16)).length, 32);
  t.equal(handles.encode(1, 0, Buffer.alloc(16), Buffer.alloc(24)).length, 56);
  t.equal(HANDLE_BYTES_MAX, 56);
});

t.test('a handle is refused if it is changed in any bit, cut, extended, or made with another key', async () => {
  const others = new Handles(Buffer.alloc(16, 2));
  fc.assert(
    fc.property(parts, fc.nat(), (of, at) => {
      const handle = encode(of);
      assert.equal(others.decode(handle), undefined);
      assert.equal(handles.decode(handle.subarray(0, at % handle.length)), undefined);
      assert.equal(handles.decode(Buffer.concat([handle, Buffer.alloc(4)])), undefined);
      const bit = at % (handle.length * 8);
      handle[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(handles.decode(handle), undefined);
    }),
  );
});

t.test('a handle tells its volume and its export', async () => {
  fc.assert(
    fc.property(parts, fc.nat(31), fc.nat(15), (of, volumeBit, exportBit) => {
      const handle = encode(of);
      assert.ok(isHandleIn(handle, of.volumeKey, of.exportId));
      assert.ok(!isHandleIn(handle, (of.volumeKey ^ (1 << volumeBit)) >>> 0, of.exportId));
      assert.ok(!isHandleIn(handle, of.volumeKey, of.exportId ^ (1 << exportBit)));
    }),
  );
});

t.test('random bytes are refused', async () => {
  fc.assert(fc.property(bytes(0, 64), junk => assert.equal(handles.decode(junk), undefined)));
});
