/**
 * The structures of the FUSE protocol as values (linux/fuse.h): fixed fields in little-endian order, and behind them in
 * some requests names, a text, or bytes. Every structure is declared once, and its TypeScript type is inferred.
 */

const TWO_32 = 0x1_0000_0000;

/** A message from the kernel that is shorter than its structure, or whose contents cannot be. */
export class FuseMessageError extends Error {
  override name = 'FuseMessageError';
}

/** A field of a structure. */
export interface Field<T> {
  readonly bytes: number;
  /** A value for tests to make others from. */
  readonly kind: 'count' | 'signed' | 'id' | 'bytes';
  read(from: Buffer, at: number): T;
  /** The JavaScript by which a {@link DataView} called `to` gets the value that `value` stands for, at `at`. */
  write(at: string, value: string): string;
}

export const uint16: Field<number> = {
  bytes: 2,
  kind: 'count',
  read: (from, at) => from.readUInt16LE(at),
  write: (at, value) => `to.setUint16(${at}, ${value}, true);`,
};

export const uint32: Field<number> = {
  bytes: 4,
  kind: 'count',
  read: (from, at) => from.readUInt32LE(at),
  write: (at, value) => `to.setUint32(${at}, ${value}, true);`,
};

export const int32: Field<number> = {
  bytes: 4,
  kind: 'signed',
  read: (from, at) => from.readInt32LE(at),
  write: (at, value) => `to.setInt32(${at}, ${value}, true);`,
};

/** Writes a number in 64 bits, of which `setUint32` takes the lowest 32. */
const write64 = (at: string, value: string): string =>
  `to.setUint32(${at}, ${value}, true); to.setUint32(${at} + 4, Math.floor(${value} / ${TWO_32}), true);`;

/** 64 bits that count or number something: a number. Values above 2^53 - 1 decode to Infinity. */
export const size64: Field<number> = {
  bytes: 8,
  kind: 'count',
  read(from, at) {
    const high = from.readUInt32LE(at + 4);
    return high > 0x1f_ffff ? Infinity : high * TWO_32 + from.readUInt32LE(at);
  },
  write: write64,
};

/** 64 bits that count and may be negative (a time): a number. Values beyond 2^53 - 1 lose their lowest bits. */
export const int64: Field<number> = {
  bytes: 8,
  kind: 'signed',
  read: (from, at) => from.readInt32LE(at + 4) * TWO_32 + from.readUInt32LE(at),
  write: write64,
};

/** 64 bits that identify something (an inode number, a position, the owner of a lock): a bigint, which is exact. */
export const uint64: Field<bigint> = {
  bytes: 8,
  kind: 'id',
  read: (from, at) => from.readBigUInt64LE(at),
  write: (at, value) => `to.setBigUint64(${at}, ${value}, true);`,
};

type Fields = Readonly<Record<string, Field<any>>>;
type FieldValues<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A structure of fixed length. */
export interface Struct<T> {
  /** The length in bytes, with the padding. */
  readonly size: number;
  readonly fields: Fields;
  /** Writes the whole structure, and zeros for what is padding. */
  encode(to: Buffer, at: number, value: T): void;
  /** Reads from `from`, which must have {@link size} bytes from `at` on. */
  decode(from: Buffer, at: number): T;
}

export type Infer<C> = C extends Struct<infer T> ? T : C extends Message<infer T> ? T : never;

let lastBytes: Buffer | undefined;
let lastView: DataView;

/** A view of the bytes, which is kept until others are asked for: a mount writes its replies into one buffer. */
function viewOf(bytes: Buffer): DataView {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  return lastView;
}

/**
 * A structure of fields without gaps between them; `size` is its length where padding follows. Both directions are
 * compiled to straight-line code, since every request passes here.
 */
export function struct<const F extends Fields>(fields: F, size = sizeOf(fields)): Struct<FieldValues<F>> {
  const names = Object.keys(fields);
  let at = 0;
  const reads: string[] = [];
  const writes: string[] = [];
  for (const name of names) {
    const place = at === 0 ? 'at' : `at + ${at}`;
    reads.push(`${name}: f.${name}.read(from, ${place})`);
    writes.push(fields[name]!.write(place, `value.${name}`));
    at += fields[name]!.bytes;
  }
  const clear = size > at ? `bytes.fill(0, at + ${at}, at + ${size});` : '';
  // oxlint-disable-next-line typescript/no-implied-eval -- made of the declaration above only
  const compiled = new Function(
    'f',
    'viewOf',
    `return {
      decode(from, at) { return { ${reads.join(', ')} }; },
      encode(bytes, at, value) { const to = viewOf(bytes); ${writes.join(' ')} ${clear} },
    };`,
  )(fields, viewOf) as Pick<Struct<FieldValues<F>>, 'encode' | 'decode'>;
  return { size, fields, ...compiled };
}

const sizeOf = (fields: Fields): number => Object.values(fields).reduce((sum, { bytes }) => sum + bytes, 0);

/** What follows the structure of a request. */
export interface Tail<T> {
  readonly kind: 'name' | 'text' | 'bytes';
  /** Returns the value that begins at `at`. @throws {FuseMessageError} */
  read(from: Buffer, at: number, end: number): T;
  /** How many bytes the value takes. */
  length(value: T): number;
  write(to: Buffer, at: number, value: T): void;
}

function textAt(from: Buffer, at: number, end: number): string {
  const nul = from.indexOf(0, at);
  if (nul < 0 || nul >= end) throw new FuseMessageError('a text without its NUL');
  return from.toString('latin1', at, nul);
}

/** A text that ends in NUL, in which each character stands for one byte (latin1). */
export const text: Tail<string> = {
  kind: 'text',
  read: textAt,
  length: value => value.length + 1,
  write: (to, at, value) => void to.write(`${value}\0`, at, 'latin1'),
};

/** The name of a directory entry: a text that is not empty and has no slash. */
export const name: Tail<string> = {
  ...text,
  kind: 'name',
  read(from, at, end) {
    const value = textAt(from, at, end);
    if (value === '' || value.includes('/')) throw new FuseMessageError('a name that is empty or has a slash');
    return value;
  },
};

/** All bytes up to the end of the message, as a view. */
export const bytes: Tail<Buffer> = {
  kind: 'bytes',
  read: (from, at, end) => from.subarray(at, end),
  length: value => value.length,
  write: (to, at, value) => to.set(value, at),
};

type Tails = Readonly<Record<string, Tail<any>>>;
type TailValues<T extends Tails> = { [K in keyof T]: T[K] extends Tail<infer V> ? V : never };

/** The arguments of a request: a structure, and what follows it. */
export interface Message<T> {
  readonly fixed: Struct<any>;
  readonly tails: Tails;
  /** Whether the value has views of the message. */
  readonly views: boolean;
  /** @throws {FuseMessageError} it is cut short, or has a name that cannot be */
  decode(from: Buffer, at: number, end: number): T;
  encode(value: T): Buffer;
}

/** Makes a message of a structure and the tails that follow it, each of which gives the value a further field. */
export function message<S, const T extends Tails = {}>(fixed: Struct<S>, tails?: T): Message<S & TailValues<T>> {
  const list = Object.entries(tails ?? {});
  return {
    fixed,
    tails: tails ?? {},
    views: list.some(([, { kind }]) => kind === 'bytes'),
    decode(from, at, end) {
      if (end - at < fixed.size) throw new FuseMessageError(`${end - at} bytes where ${fixed.size} are needed`);
      const value = fixed.decode(from, at) as Record<string, unknown>;
      let next = at + fixed.size;
      for (const [key, tail] of list) {
        value[key] = tail.read(from, next, end);
        next += tail.length(value[key]);
      }
      return value as S & TailValues<T>;
    },
    encode(value) {
      const parts = list.map(([key, tail]) => ({ tail, value: value[key as keyof typeof value] as unknown }));
      const to = Buffer.alloc(parts.reduce((sum, part) => sum + part.tail.length(part.value), fixed.size));
      fixed.encode(to, 0, value);
      let at = fixed.size;
      for (const part of parts) {
        part.tail.write(to, at, part.value);
        at += part.tail.length(part.value);
      }
      return to;
    },
  };
}

/** The structure of a request that begins with a name. */
export const NOTHING: Struct<{}> = struct({});
