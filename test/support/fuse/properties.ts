/** What holds for every structure and message of FUSE. One that a module exports is tested without further code. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Test } from 'tap';
import { type Field, FuseMessageError, type Message, type Struct, type Tail } from '#protocols/fuse/codec.ts';

const isStruct = (value: unknown): value is Struct<any> =>
  typeof value === 'object' && value !== null && 'fields' in value && 'size' in value;
const isMessage = (value: unknown): value is Message<any> =>
  typeof value === 'object' && value !== null && 'tails' in value;

function fieldValue({ kind, bytes }: Field<unknown>): fc.Arbitrary<unknown> {
  if (kind === 'id') return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  if (kind === 'signed') return bytes === 8 ? fc.maxSafeInteger() : fc.integer();
  return bytes === 8 ? fc.maxSafeNat() : fc.nat(2 ** (8 * bytes) - 1);
}

const latin1 = (minLength: number, not: RegExp) =>
  fc
    .uint8Array({ minLength, maxLength: 40 })
    .map(bytes => Buffer.from(bytes).toString('latin1'))
    .filter(text => !not.test(text));

function tailValue({ kind }: Tail<unknown>): fc.Arbitrary<unknown> {
  if (kind === 'bytes') return fc.uint8Array({ maxLength: 80 }).map(bytes => Buffer.from(bytes));
  return kind === 'name' ? latin1(1, /[/\0]/) : latin1(0, /\0/);
}

const record = <T>(of: Readonly<Record<string, T>>, make: (one: T) => fc.Arbitrary<unknown>) =>
  fc.record(Object.fromEntries(Object.entries(of).map(([key, one]) => [key, make(one)])), { noNullPrototype: true });

const valueOf = (fixed: Struct<any>, tails: Message<any>['tails'] = {}): fc.Arbitrary<any> =>
  fc.tuple(record(fixed.fields, fieldValue), record(tails, tailValue)).map(([a, b]) => ({ ...a, ...b }));

const junk = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes));

/** Tests every structure and message that `module` exports. */
export function codecProperties(t: Test, module: Readonly<Record<string, unknown>>): void {
  for (const [name, codec] of Object.entries(module)) {
    if (isStruct(codec)) {
      t.test(`${name}: what is encoded decodes to the same value, and touches no other byte`, async () => {
        fc.assert(
          fc.property(valueOf(codec), fc.nat(9), (value, at) => {
            const bytes = Buffer.alloc(at + codec.size + 3, 0xee);
            codec.encode(bytes, at, value);
            assert.deepEqual(codec.decode(bytes, at), value);
            assert(bytes.subarray(0, at).every(byte => byte === 0xee));
            assert(bytes.subarray(at + codec.size).every(byte => byte === 0xee));
          }),
        );
      });
    }
    if (!isMessage(codec)) continue;
    t.test(`${name}: what is encoded decodes to the same value`, async () => {
      fc.assert(
        fc.property(valueOf(codec.fixed, codec.tails), value => {
          const bytes = codec.encode(value);
          assert.deepEqual(codec.decode(bytes, 0, bytes.length), value);
        }),
      );
    });
    t.test(`${name}: a message that is cut short is refused, unless only its last bytes are`, async () => {
      const endsInBytes = Object.values(codec.tails).at(-1)?.kind === 'bytes';
      fc.assert(
        fc.property(valueOf(codec.fixed, codec.tails), fc.nat(), (value, cut) => {
          const whole = codec.encode(value);
          const needed = whole.length - (endsInBytes ? (Object.values(value).at(-1) as Buffer).length : 0);
          if (needed === 0) return;
          // What is behind the end belongs to an earlier message, and must not be taken for a part of this one.
          const after = Buffer.concat([whole, Buffer.alloc(64, 0x61)]);
          assert.throws(() => codec.decode(after, 0, cut % needed), FuseMessageError);
        }),
      );
    });
    t.test(`${name}: random bytes decode, or are refused with a FuseMessageError`, async () => {
      fc.assert(
        fc.property(junk, bytes => {
          try {
            codec.decode(bytes, 0, bytes.length);
          } catch (error) {
            assert(error instanceof FuseMessageError, String(error));
          }
        }),
      );
    });
  }
}
