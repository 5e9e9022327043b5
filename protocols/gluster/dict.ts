/** The dicts of the fops: maps whose values have types. */
import { array, type Codec, enumOf, int64, opaque, option, type Shape, string, struct } from '../xdr/codec.ts';
import { padOf, XdrError, type XdrReader, type XdrWriter } from '../xdr/stream.ts';
import { GF_DATA_TYPE, KEY_BYTES_MAX, PAIRS_MAX, VALUE_BYTES_MAX } from './constants.ts';
import { IATTX_BYTES } from './iatt.ts';
import { readKey } from './keys.ts';

/**
 * A value that is written as INT (a number or bigint), as STR (a string; its NUL is added) or as PTR (a Buffer).
 * Numbers are whole and safe; bigints fit in 64 bits with a sign.
 */
export type PlainValue = number | bigint | string | Buffer;

/** A value that is written as another type than the one that its JavaScript type stands for. */
export class TypedValue {
  readonly type: GF_DATA_TYPE;
  /** Of UINT a bigint, of all others the bytes of the value. */
  readonly value: bigint | Buffer;

  constructor(type: GF_DATA_TYPE, value: bigint | Buffer) {
    this.type = type;
    this.value = value;
  }
}

export type DictValue = PlainValue | TypedValue;

/** `xdr_size`, `count` and the number of pairs. */
const HEADER_BYTES = 12;
const NULL_COUNT = 0xffff_ffff;
const TWO_32 = 0x1_0000_0000;

/** The types whose values have no length on the wire, since it never varies. */
const FIXED_BYTES: { readonly [T in GF_DATA_TYPE]?: number } = {
  [GF_DATA_TYPE.DOUBLE]: 8,
  [GF_DATA_TYPE.GFUUID]: 16,
  [GF_DATA_TYPE.IATT]: IATTX_BYTES,
  [GF_DATA_TYPE.MDATA]: 36,
};

/** Writes a latin1 string and its NUL, which counts. */
function writeTerminated(to: XdrWriter, text: string): void {
  const length = text.length;
  to.uint32(length + 1);
  const at = to.reserve(length + 1 + padOf(length + 1));
  const { buf } = to;
  if (length <= 32) {
    for (let i = 0; i < length; i++) buf[at + i] = text.charCodeAt(i);
  } else {
    buf.write(text, at, 'latin1');
  }
  for (let i = at + length; i < to.at; i++) buf[i] = 0;
}

function writeTyped(to: XdrWriter, { type, value }: TypedValue): void {
  to.uint32(type);
  if (typeof value === 'bigint') to.uint64(value);
  else if (FIXED_BYTES[type] === undefined) to.opaque(value);
  else to.bytes(value);
}

function writeValue(to: XdrWriter, value: DictValue): void {
  if (typeof value === 'string') {
    to.uint32(GF_DATA_TYPE.STR);
    writeTerminated(to, value);
  } else if (typeof value === 'number') {
    to.uint32(GF_DATA_TYPE.INT);
    to.int64(value);
  } else if (typeof value === 'bigint') {
    to.uint32(GF_DATA_TYPE.INT);
    to.uint64(BigInt.asUintN(64, value));
  } else if (value instanceof TypedValue) {
    writeTyped(to, value);
  } else {
    to.uint32(GF_DATA_TYPE.PTR);
    to.opaque(value);
  }
}

/**
 * Writes a dict with its sizes, since a brick finds the data of a WRITE by `xdr_size`. An absent dict is written as a
 * null one.
 */
function writeDict(to: XdrWriter, dict: ReadonlyMap<string, DictValue> | undefined): void {
  const start = to.reserve(HEADER_BYTES);
  if (dict !== undefined) {
    for (const [key, value] of dict) {
      writeTerminated(to, key);
      writeValue(to, value);
    }
  }
  to.patchUint32(start, to.at - start - HEADER_BYTES);
  to.patchUint32(start + 4, dict?.size ?? NULL_COUNT);
  to.patchUint32(start + 8, dict?.size ?? 0);
}

/** Reads a latin1 string whose NUL is counted, but need not be there. */
function readTerminated(from: XdrReader, max: number): string {
  const length = from.length(max);
  const at = from.take(length + padOf(length));
  const { buffer } = from;
  const end = length > 0 && buffer[at + length - 1] === 0 ? at + length - 1 : at + length;
  return buffer.toString('latin1', at, end);
}

/** Reads 64 bits, as a number if it is exact. */
function readInteger(from: XdrReader, signed: boolean): number | bigint {
  const at = from.take(8);
  const { view } = from;
  const number = (signed ? view.getInt32(at) : view.getUint32(at)) * TWO_32 + view.getUint32(at + 4);
  if (Number.isSafeInteger(number)) return number;
  return signed ? view.getBigInt64(at) : view.getBigUint64(at);
}

/** Takes the bytes of a value out of a record: as a view, or as a copy. */
export type TakeBytes = (record: Buffer, at: number, end: number) => Buffer;

const view: TakeBytes = (record, at, end) => record.subarray(at, end);

function takeOpaque(from: XdrReader, length: number, take: TakeBytes): Buffer {
  const at = from.take(length + padOf(length));
  return take(from.buffer, at, at + length);
}

/** Reads a value without its type: integers of both kinds are numbers, and all that is no string is bytes. */
function readPlain(from: XdrReader, take: TakeBytes): PlainValue {
  const type = from.uint32();
  switch (type) {
    case GF_DATA_TYPE.INT:
    case GF_DATA_TYPE.UINT:
      return readInteger(from, type === GF_DATA_TYPE.INT);
    case GF_DATA_TYPE.STR:
      return readTerminated(from, VALUE_BYTES_MAX);
    case GF_DATA_TYPE.PTR:
    case GF_DATA_TYPE.STR_OLD:
      return takeOpaque(from, from.length(VALUE_BYTES_MAX), take);
    case GF_DATA_TYPE.DOUBLE:
    case GF_DATA_TYPE.GFUUID:
    case GF_DATA_TYPE.IATT:
    case GF_DATA_TYPE.MDATA:
      return takeOpaque(from, FIXED_BYTES[type]!, take);
    default:
      throw new XdrError(`a value of type ${type} in a dict`);
  }
}

/** Reads a value so that it is written again with the same bytes. */
function readExact(from: XdrReader): DictValue {
  const type = from.uint32();
  switch (type) {
    case GF_DATA_TYPE.INT:
      return readInteger(from, true);
    case GF_DATA_TYPE.UINT:
      return new TypedValue(type, from.uint64());
    case GF_DATA_TYPE.STR: {
      const bytes = from.opaque(VALUE_BYTES_MAX);
      return bytes.at(-1) === 0 ? bytes.toString('latin1', 0, bytes.length - 1) : new TypedValue(type, bytes);
    }
    case GF_DATA_TYPE.PTR:
      return from.opaque(VALUE_BYTES_MAX);
    case GF_DATA_TYPE.STR_OLD:
      return new TypedValue(type, from.opaque(VALUE_BYTES_MAX));
    case GF_DATA_TYPE.DOUBLE:
    case GF_DATA_TYPE.GFUUID:
    case GF_DATA_TYPE.IATT:
    case GF_DATA_TYPE.MDATA:
      return new TypedValue(type, from.bytes(FIXED_BYTES[type]!));
    default:
      throw new XdrError(`a value of type ${type} in a dict`);
  }
}

function readDict<V>(
  from: XdrReader,
  readOne: (from: XdrReader, take: TakeBytes) => V,
  take: TakeBytes,
): Map<string, V> | undefined {
  from.uint32(); // xdr_size, which is of use only to those who do not decode the pairs
  const count = from.uint32();
  // Each pair takes at least the length of its key, its type and one more unit.
  let pairs = from.length(PAIRS_MAX, 12);
  if (count === NULL_COUNT && pairs === 0) return undefined;
  const dict = new Map<string, V>();
  for (; pairs > 0; pairs--) {
    const key = readKey(from, KEY_BYTES_MAX);
    dict.set(key, readOne(from, take));
  }
  return dict;
}

interface Sample {
  readonly key: string;
  readonly type: GF_DATA_TYPE;
  readonly number: number;
  readonly bytes: Buffer;
}

function sampleOf({ type, number, bytes }: Sample): DictValue {
  const fixed = FIXED_BYTES[type];
  if (type === GF_DATA_TYPE.INT) return number;
  if (type === GF_DATA_TYPE.UINT) return new TypedValue(type, BigInt.asUintN(64, BigInt(number)));
  if (type === GF_DATA_TYPE.STR) return bytes.toString('latin1');
  if (type === GF_DATA_TYPE.PTR) return bytes;
  return new TypedValue(type, fixed === undefined ? bytes : Buffer.concat([bytes], fixed));
}

/** The shape of a dict with values of these types, from which tests make dicts. */
function shapeOf(types: Readonly<Record<string, GF_DATA_TYPE>>): Shape {
  const sample = struct({ key: string(64), type: enumOf(types), number: int64, bytes: opaque(80) });
  const from = (samples: Sample[] | undefined) => samples && new Map(samples.map(one => [one.key, sampleOf(one)]));
  return { kind: 'made', of: option(array(sample, 8)), from };
}

/** A dict that is decoded with its types, so that it is encoded to the same bytes again. */
export const gfx_dict: Codec<ReadonlyMap<string, DictValue> | undefined> = {
  shape: shapeOf(GF_DATA_TYPE),
  encode: writeDict,
  decode: from => readDict(from, readExact, view),
};

/**
 * A dict that is decoded without its types: a reader must take INT for UINT, and the other way round. Bytes are views,
 * or what `take` makes of them.
 */
export const plainDict = (take: TakeBytes): Codec<ReadonlyMap<string, PlainValue> | undefined> => ({
  shape: shapeOf({ INT: GF_DATA_TYPE.INT, STR: GF_DATA_TYPE.STR, PTR: GF_DATA_TYPE.PTR }),
  encode: writeDict,
  decode: from => readDict(from, readPlain, take),
});

export const gfx_plain_dict = plainDict(view);
