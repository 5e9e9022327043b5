import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {
  entry3Bytes,
  entryplus3Bytes,
  LIST_BYTES,
  READDIR3resok,
  READDIRPLUS3resok,
  type entry3,
  type entryplus3,
} from '#protocols/nfs3/directory.ts';
import { fattr3 } from '#protocols/nfs3/types.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { arbitraryOf } from '../../support/codecs/arbitrary.ts';

const names = fc.string({ unit: fc.nat(255).map(byte => String.fromCharCode(byte)), maxLength: 255 });
const handles = fc.uint8Array({ minLength: 1, maxLength: 64 }).map(bytes => Buffer.from(bytes));
const cookieverf = Buffer.alloc(8);

t.test('the length of a READDIR3resok is the sum of the lengths of its parts', async () => {
  fc.assert(
    fc.property(arbitraryOf(fattr3), fc.array(names, { maxLength: 6 }), (dir_attributes, list) => {
      const entries: entry3[] = list.map(name => ({ fileid: 1n, name, cookie: 2n }));
      const bytes = encode(READDIR3resok, { dir_attributes, cookieverf, reply: { entries, eof: true } });
      assert.equal(
        bytes.length,
        list.reduce((sum, name) => sum + entry3Bytes(name), LIST_BYTES),
      );
    }),
  );
});

t.test('the length of a READDIRPLUS3resok is the sum of the lengths of its parts', async () => {
  const named = fc.record({ name: names, handle: fc.option(handles, { nil: undefined }) });
  fc.assert(
    fc.property(arbitraryOf(fattr3), fc.array(named, { maxLength: 6 }), (attributes, list) => {
      const entries: entryplus3[] = list.map(({ name, handle }) => ({
        fileid: 1n,
        name,
        cookie: 2n,
        name_attributes: handle && attributes,
        name_handle: handle,
      }));
      const reply = { entries, eof: false };
      const bytes = encode(READDIRPLUS3resok, { dir_attributes: attributes, cookieverf, reply });
      const sum = list.reduce((sum, { name, handle }) => sum + entryplus3Bytes(name, handle?.length ?? 0), LIST_BYTES);
      assert.equal(bytes.length, sum);
    }),
  );
});
