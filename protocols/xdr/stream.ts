/**
 * Reading and writing XDR units (RFC 4506): four bytes, big-endian.
 *
 * Decoding trusts nothing, since the peer may be hostile: every length is checked against its bound and against the
 * bytes that are left. Encoding trusts its values, since they come from this program.
 */

/** The bytes are not a value of the type. This is the only error that decoding throws. */
export class XdrError extends Error {
  override name = 'XdrError';
}

/** Longer payloads are not copied into the stream, see {@link XdrWriter.payload}. */
export const PAYLOAD_COPY_MAX = 8192;

const TWO_32 = 0x1_0000_0000;

/** Returns how many bytes pad an opaque of `length` bytes to whole units. */
export const padOf = (length: number): number => -length & 3;

export const viewOf = (buf: Buffer): DataView => new DataView(buf.buffer, buf.byteOffset, buf.byteLength);

/** A payload to send behind the first `at` bytes of the writer. Its padding is in the writer. */
export interface Splice {
  readonly at: number;
  readonly bytes: Buffer;
}

/** Writes units into one growing buffer. A writer can be reused, see {@link XdrWriter.truncate}. */
export class XdrWriter {
  buf: Buffer;
  at = 0;
  /** The payloads that were not copied, in order. */
  splices: Splice[] = [];
  #view: DataView;

  /** `view` is one of all of `buf`, if there is one already. */
  constructor(buf: Buffer = Buffer.allocUnsafeSlow(512), view = viewOf(buf)) {
    this.buf = buf;
    this.#view = view;
  }

  /** Makes room for `count` more bytes and returns where they begin. */
  reserve(count: number): number {
    const at = this.at;
    if (at + count > this.buf.length) this.#grow(at + count);
    this.at = at + count;
    return at;
  }

  /** The present buffer, for codecs that write what they have reserved themselves. It changes with {@link reserve}. */
  get view(): DataView {
    return this.#view;
  }

  uint32(value: number): void {
    const at = this.reserve(4);
    this.#view.setUint32(at, value);
  }

  int32(value: number): void {
    const at = this.reserve(4);
    this.#view.setInt32(at, value);
  }

  bool(value: boolean): void {
    this.uint32(value ? 1 : 0);
  }

  /** Writes a whole number from 0 on: exact up to 2^53 - 1, and as 2^64 - 2^32 if 64 bits do not hold it. */
  size64(value: number): void {
    const at = this.reserve(8);
    const high = value < TWO_32 ? 0 : Math.min(Math.floor(value / TWO_32), TWO_32 - 1);
    this.#view.setUint32(at, high);
    this.#view.setUint32(at + 4, value - high * TWO_32);
  }

  /** Writes a whole number between -(2^53 - 1) and 2^53 - 1. */
  int64(value: number): void {
    const at = this.reserve(8);
    const high = Math.floor(value / TWO_32);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, value - high * TWO_32);
  }

  uint64(value: bigint): void {
    const at = this.reserve(8);
    this.#view.setBigUint64(at, value);
  }

  /** Writes bytes without their length, padded to whole units. */
  bytes(bytes: Uint8Array): void {
    const length = bytes.length;
    const at = this.reserve(length + padOf(length));
    const { buf } = this;
    if (length <= 64) {
      for (let i = 0; i < length; i++) buf[at + i] = bytes[i]!;
    } else {
      buf.set(bytes, at);
    }
    this.#pad(at + length);
  }

  opaque(bytes: Uint8Array): void {
    this.uint32(bytes.length);
    this.bytes(bytes);
  }

  /**
   * Writes an opaque. If it is long, its bytes are not copied and must stay as they are until the stream has been sent.
   */
  payload(bytes: Buffer): void {
    if (bytes.length <= PAYLOAD_COPY_MAX) {
      this.opaque(bytes);
      return;
    }
    this.uint32(bytes.length);
    this.splices.push({ at: this.at, bytes });
    const at = this.reserve(padOf(bytes.length));
    this.#pad(at);
  }

  /** Writes the bytes that end a record, without length and padding. Long ones are not copied, as in {@link payload}. */
  tail(bytes: Buffer): void {
    if (bytes.length > PAYLOAD_COPY_MAX) {
      this.splices.push({ at: this.at, bytes });
      return;
    }
    const at = this.reserve(bytes.length); // which may replace the buffer
    this.buf.set(bytes, at);
  }

  /** Writes a string in which each character stands for one byte (latin1). */
  string(value: string): void {
    const length = value.length;
    this.uint32(length);
    const at = this.reserve(length + padOf(length));
    const { buf } = this;
    if (length <= 32) {
      for (let i = 0; i < length; i++) buf[at + i] = value.charCodeAt(i);
    } else {
      buf.write(value, at, 'latin1');
    }
    this.#pad(at + length);
  }

  /** Overwrites the unit at `at`, for a length that is known only afterwards. */
  patchUint32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }

  /** Returns a copy of everything written. */
  toBuffer(): Buffer {
    return Buffer.concat(this.parts());
  }

  /** Returns everything written as buffers to send in order. They are views, valid until the writer is used again. */
  parts(): Buffer[] {
    if (this.splices.length === 0) return [this.buf.subarray(0, this.at)];
    const parts: Buffer[] = [];
    let from = 0;
    for (const { at, bytes } of this.splices) {
      if (at > from) parts.push(this.buf.subarray(from, at));
      parts.push(bytes);
      from = at;
    }
    if (this.at > from) parts.push(this.buf.subarray(from, this.at));
    return parts;
  }

  /** Drops everything that was written from `at` on, and all but the first `splices` splices. */
  truncate(at: number, splices: number): void {
    this.at = at;
    this.splices.length = splices;
  }

  #pad(from: number): void {
    for (let i = from; i < this.at; i++) this.buf[i] = 0;
  }

  #grow(size: number): void {
    const bigger = Buffer.allocUnsafeSlow(Math.max(size, this.buf.length * 2));
    this.buf.copy(bigger, 0, 0, this.at);
    this.buf = bigger;
    this.#view = viewOf(bigger);
  }
}

/** Reads units from a part of a buffer. A reader can be reused, see {@link XdrReader.reset}. */
export class XdrReader {
  #buf: Buffer;
  #view: DataView;
  #at: number;
  #end: number;

  constructor(buf: Buffer, at = 0, end = buf.length) {
    this.#buf = buf;
    this.#view = viewOf(buf);
    this.#at = at;
    this.#end = end;
  }

  /** Starts to read the bytes from `at` to `end` of `buf`. A new DataView is made only for another buffer. */
  reset(buf: Buffer, at: number, end: number): this {
    if (buf !== this.#buf) this.#view = viewOf((this.#buf = buf));
    this.#at = at;
    this.#end = end;
    return this;
  }

  /** The buffer that is read from. {@link left} bytes are left to read, and begin at {@link at}. */
  get buffer(): Buffer {
    return this.#buf;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  /** The present buffer, for codecs that read what they have taken themselves. It changes with {@link reset}. */
  get view(): DataView {
    return this.#view;
  }

  uint32(): number {
    return this.#view.getUint32(this.take(4));
  }

  int32(): number {
    return this.#view.getInt32(this.take(4));
  }

  bool(): boolean {
    const value = this.uint32();
    if (value > 1) throw new XdrError(`a boolean of ${value}`);
    return value === 1;
  }

  /** Reads a size or an offset. A value above 2^53 - 1 becomes Infinity, which exceeds every limit. */
  size64(): number {
    const at = this.take(8);
    const high = this.#view.getUint32(at);
    return high > 0x1f_ffff ? Infinity : high * TWO_32 + this.#view.getUint32(at + 4);
  }

  /** Reads a signed number. Below -(2^53 - 1) it becomes -Infinity, above 2^53 - 1 Infinity. */
  int64(): number {
    const at = this.take(8);
    const value = this.#view.getInt32(at) * TWO_32 + this.#view.getUint32(at + 4);
    return Number.isSafeInteger(value) ? value : value < 0 ? -Infinity : Infinity;
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.take(8));
  }

  /** Reads bytes and their padding, as a view: bytes that are kept are copied, or the whole record stays in memory. */
  bytes(length: number): Buffer {
    const at = this.take(length + padOf(length));
    return this.#buf.subarray(at, at + length);
  }

  /**
   * Reads the length of an opaque, string or array: at most `max` elements, each of which takes at least `unit` bytes.
   */
  length(max: number, unit = 1): number {
    const length = this.uint32();
    if (length > max) throw new XdrError(`length ${length} is over the bound ${max}`);
    if (length * unit > this.left) throw new XdrError(`length ${length}, but ${this.left} bytes left`);
    return length;
  }

  opaque(max: number): Buffer {
    return this.bytes(this.length(max));
  }

  /** Reads a string in which each character stands for one byte (latin1), so any name keeps its bytes. */
  string(max: number): string {
    const length = this.length(max);
    const at = this.take(length + padOf(length));
    return this.#buf.toString('latin1', at, at + length);
  }

  /** Reads all bytes that are left, as a view. */
  tail(): Buffer {
    return this.#buf.subarray(this.take(this.left), this.#end);
  }

  /** Goes past `count` bytes and returns where they begin. */
  take(count: number): number {
    const at = this.#at;
    if (count > this.#end - at) throw new XdrError(`need ${count} bytes, ${this.#end - at} left`);
    this.#at = at + count;
    return at;
  }
}
