/** The dicts of the handshake and of callbacks: maps of text, in an opaque. */
import { array, type Codec, opaque, type Shape, string, struct, uint32 } from '../xdr/codec.ts';
import { padOf, XdrError, type XdrWriter } from '../xdr/stream.ts';
import { KEY_BYTES_MAX, PAIRS_MAX, VALUE_BYTES_MAX } from './constants.ts';

/** Text, which is written with a NUL, or the bytes of a value that does not end with one. */
export type OldDictValue = string | Buffer;

const sample = struct({ key: string(64), isText: uint32, value: string(80) });
const shape: Shape = {
  kind: 'made',
  of: array(sample, 8),
  from: (samples: { key: string; isText: number; value: string }[]) =>
    new Map(samples.map(({ key, isText, value }) => [key, isText & 1 ? value : Buffer.from(`${value}.`, 'latin1')])),
};

/** The lengths of a key and a value. */
const LENGTHS_BYTES = 8;

/** Each pair takes the lengths, and the NUL of its key. */
const PAIR_BYTES_MIN = LENGTHS_BYTES + 1;

function writePairs(to: XdrWriter, dict: ReadonlyMap<string, OldDictValue>): void {
  to.uint32(dict.size);
  for (const [key, value] of dict) {
    const valueBytes = typeof value === 'string' ? value.length + 1 : value.length;
    to.uint32(key.length);
    to.uint32(valueBytes);
    const at = to.reserve(key.length + 1 + valueBytes);
    const { buf } = to;
    const valueAt = at + key.length + 1;
    buf.write(key, at, 'latin1');
    buf[valueAt - 1] = 0;
    if (typeof value === 'string') {
      buf.write(value, valueAt, 'latin1');
      buf[to.at - 1] = 0;
    } else {
      buf.set(value, valueAt);
    }
  }
}

/** Reads what is inside the opaque, where nothing is padded. */
function readPairs(bytes: Buffer): Map<string, OldDictValue> {
  const dict = new Map<string, OldDictValue>();
  if (bytes.length === 0) return dict;
  if (bytes.length < 4) throw new XdrError(`a dict of ${bytes.length} bytes`);
  const count = bytes.readUInt32BE(0);
  if (count > PAIRS_MAX || count * PAIR_BYTES_MIN > bytes.length) throw new XdrError(`a dict of ${count} pairs`);
  let at = 4;
  for (let i = 0; i < count; i++) {
    if (bytes.length - at < PAIR_BYTES_MIN) throw new XdrError('a dict that ends early');
    const keyBytes = bytes.readUInt32BE(at);
    const valueBytes = bytes.readUInt32BE(at + 4);
    const keyAt = at + LENGTHS_BYTES;
    const valueAt = keyAt + keyBytes + 1;
    at = valueAt + valueBytes;
    if (keyBytes > KEY_BYTES_MAX || at > bytes.length)
      throw new XdrError(`a pair of ${keyBytes} and ${valueBytes} bytes`);
    const isText = valueBytes > 0 && bytes[at - 1] === 0;
    const value = isText ? bytes.toString('latin1', valueAt, at - 1) : bytes.subarray(valueAt, at);
    dict.set(bytes.toString('latin1', keyAt, valueAt - 1), value);
  }
  if (at < bytes.length) throw new XdrError(`${bytes.length - at} bytes after a dict`);
  return dict;
}

const body = opaque(VALUE_BYTES_MAX);

/** An empty dict is written as an empty opaque. */
export const dict: Codec<ReadonlyMap<string, OldDictValue>> = {
  shape,
  encode(to, value) {
    const lengthAt = to.reserve(4);
    if (value.size > 0) writePairs(to, value);
    const length = to.at - lengthAt - 4;
    to.patchUint32(lengthAt, length);
    const padAt = to.reserve(padOf(length)); // it may change the buffer
    to.buf.fill(0, padAt, to.at);
  },
  decode: from => readPairs(body.decode(from)),
};
