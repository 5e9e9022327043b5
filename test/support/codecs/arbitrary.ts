/** Values for property tests, generated from a codec's `shape`. */
import fc from 'fast-check';
import type { Codec, Shape } from '#protocols/xdr/codec.ts';

/** Longer than every length at which an encoder changes its method, and short enough for quick tests. */
const BYTES_MAX = 80;
const ELEMENTS_MAX = 4;

const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map(array => Buffer.from(array));

type UnionShape = Extract<Shape, { kind: 'union' }>;

function unionArbitrary({ tag, of, arms, rest }: UnionShape): fc.Arbitrary<unknown> {
  const choices = Object.entries(arms).map(([value, arm]) => withTag(tag, fc.constant(Number(value)), arm));
  if (rest) {
    const others = arbitraryOf(of as Codec<number>).filter(value => !(value in arms));
    choices.push(withTag(tag, others, rest));
  }
  return fc.oneof(...choices);
}

const withTag = (tag: string, values: fc.Arbitrary<number>, arm: Codec<unknown>): fc.Arbitrary<unknown> =>
  fc.tuple(values, arbitraryOf(arm)).map(([value, fields]) => ({ [tag]: value, ...(fields as object | undefined) }));

function arbitraryOfShape(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'void':
      return fc.constant(undefined);
    case 'bool':
      return fc.boolean();
    case 'int32':
      return fc.integer();
    case 'uint32':
      return fc.nat(0xffff_ffff);
    case 'uint64':
      return fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
    case 'size64':
      return fc.maxSafeNat();
    case 'int64':
      return fc.maxSafeInteger();
    case 'tail':
      return bytes(0, BYTES_MAX);
    case 'made':
      return arbitraryOf(shape.of).map(shape.from);
    case 'enum':
      return fc.constantFrom(...shape.values);
    case 'opaque':
      return shape.fixed ? bytes(shape.max, shape.max) : bytes(0, Math.min(shape.max, BYTES_MAX));
    case 'string':
      return bytes(0, Math.min(shape.max, BYTES_MAX)).map(buffer => buffer.toString('latin1'));
    case 'array':
    case 'list':
      return fc.array(arbitraryOf(shape.of), { maxLength: Math.min(shape.max, ELEMENTS_MAX) });
    case 'option':
      return fc.option(arbitraryOf(shape.of), { nil: undefined });
    case 'struct': {
      const fields = Object.entries(shape.fields).map(([name, codec]) => [name, arbitraryOf(codec)] as const);
      return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
    }
    case 'union':
      return unionArbitrary(shape);
  }
}

/** Any value of the codec's type. */
export function arbitraryOf<T>(codec: Codec<T>): fc.Arbitrary<T> {
  return arbitraryOfShape(codec.shape) as fc.Arbitrary<T>;
}
