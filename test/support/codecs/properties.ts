/** Properties that hold for every wire type. A type that a protocol's module exports is tested without further code. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import { type Codec, decode, encode, type Shape } from '#protocols/xdr/codec.ts';
import { XdrError } from '#protocols/xdr/stream.ts';
import { arbitraryOf } from './arbitrary.ts';

const isCodec = (value: unknown): value is Codec<unknown> =>
  typeof value === 'object' && value !== null && 'shape' in value && 'encode' in value && 'decode' in value;

/** The bytes with which a value ends if its codec ends with a `tail`: they have no length and no padding. */
function tailOf(shape: Shape, value: unknown): Buffer | undefined {
  if (shape.kind === 'tail') return value as Buffer;
  if (shape.kind !== 'struct') return undefined;
  const last = Object.keys(shape.fields).at(-1);
  return last === undefined ? undefined : tailOf(shape.fields[last]!.shape, (value as Record<string, unknown>)[last]);
}

const refuses = (codec: Codec<unknown>, bytes: Buffer) => assert.throws(() => decode(codec, bytes), XdrError);

/** Tests every codec that `module` exports. Fails if it exports none. */
export function codecProperties(t: Test, module: Readonly<Record<string, unknown>>): void {
  const codecs = Object.entries(module).filter((entry): entry is [string, Codec<unknown>] => isCodec(entry[1]));
  t.ok(codecs.length > 0, 'there are wire types to test');
  for (const [name, codec] of codecs) oneCodec(t, name, codec);
}

export function oneCodec(t: Test, name: string, codec: Codec<unknown>): void {
  const values = arbitraryOf(codec);

  t.test(`${name}: what is encoded decodes to the same value, in units of four bytes`, async () => {
    fc.assert(
      fc.property(values, value => {
        const bytes = encode(codec, value);
        assert.equal((bytes.length - (tailOf(codec.shape, value)?.length ?? 0)) % 4, 0);
        assert.deepEqual(decode(codec, bytes), value);
      }),
    );
  });

  t.test(`${name}: encodings that are cut short or followed by more bytes are refused`, async () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, at) => {
        const bytes = encode(codec, value);
        const tail = tailOf(codec.shape, value);
        const length = bytes.length - (tail?.length ?? 0);
        if (length > 0) refuses(codec, bytes.subarray(0, at % length));
        if (tail === undefined) refuses(codec, Buffer.concat([bytes, Buffer.alloc(4)]));
      }),
    );
  });

  t.test(`${name}: random bytes decode, or are refused with an XdrError`, async () => {
    const small = fc.nat(12).map(value => Buffer.from([0, 0, 0, value]));
    const junk = fc.oneof(
      fc.uint8Array({ maxLength: 256 }).map(bytes => Buffer.from(bytes)),
      fc.array(small, { maxLength: 64 }).map(units => Buffer.concat(units)),
      fc.nat(64).map(units => Buffer.alloc(units * 4, 0xff)),
    );
    fc.assert(
      fc.property(junk, bytes => {
        try {
          decode(codec, bytes);
        } catch (error) {
          assert(error instanceof XdrError, String(error));
        }
      }),
    );
  });
}
