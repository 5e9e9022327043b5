/**
 * Record marking (RFC 5531, 11), without I/O: bytes go in as the socket reads them, whole records come out.
 *
 * The bytes are read straight to where the record will stand, so a record in one fragment is never copied (but for the
 * beginning of a large one). Calls that are still under way hold the buffer that their arguments are views into.
 */
import { buffers } from './buffers.ts';

/** The stream is no stream of records, or a record is over the limit: the connection cannot go on. */
export class RecordError extends Error {
  override name = 'RecordError';
}

const LAST_FRAGMENT = 0x8000_0000;
/** What a read between records is given at least; smaller remainders of a buffer are left unused. */
const READ_BYTES_MIN = 16 * 1024;
const BUFFER_BYTES_MIN = 64 * 1024;
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;
/** How many of a connection's largest records a buffer is to hold: each one that does not fit is copied in part. */
const RECORDS_PER_BUFFER = 4;

/** A buffer that records stand in, given back to the pool when the reader and all calls have let it go. */
export class RecordBuffer {
  readonly bytes: Buffer;
  /** Calls under way whose arguments stand in it. */
  calls = 0;
  #holds = 1;

  constructor(size: number) {
    this.bytes = buffers.take(size);
  }

  get shared(): boolean {
    return this.#holds > 1;
  }

  hold(): void {
    this.#holds++;
  }

  letGo(): void {
    if (--this.#holds === 0) buffers.give(this.bytes);
  }
}

export interface RecordLimits {
  readonly recordBytesMax: number;
  /** Fragments of one record; the zero-length ones count as well. */
  readonly fragmentsMax: number;
}

export class RecordReader {
  readonly #limits: RecordLimits;
  #buffer: RecordBuffer | undefined;
  /** What has been read and not looked at: from `#at` to `#fill`. */
  #at = 0;
  #fill = 0;
  /** The record being put together: from `#from` to `#to`, after `#fragments` fragments. */
  #from = 0;
  #to = 0;
  #fragments = 0;
  /** The next buffer's size, by the records that come. */
  #bufferBytes = BUFFER_BYTES_MIN;
  /** The largest record in the present buffer. */
  #largest = 0;

  constructor(limits: RecordLimits) {
    this.#limits = limits;
  }

  /** After {@link next}: the buffer that the record stands in, */
  get buffer(): RecordBuffer {
    return this.#buffer!;
  }

  /** its first byte, */
  get from(): number {
    return this.#from;
  }

  /** and the byte behind its last. */
  get to(): number {
    return this.#to;
  }

  /** Whether a record has begun and not ended. */
  get partial(): boolean {
    return this.#fragments > 0 || this.#fill > this.#at;
  }

  /** Where the next bytes of the stream are to be put: at least one byte long. */
  room(): Buffer {
    let buffer = (this.#buffer ??= new RecordBuffer(BUFFER_BYTES_MIN));
    if (!this.partial && !buffer.shared) this.#at = this.#fill = 0;
    if (buffer.bytes.length - this.#fill < this.#missing()) buffer = this.#move();
    return buffer.bytes.subarray(this.#fill);
  }

  /** `count` bytes have been put into {@link room}. */
  filled(count: number): void {
    this.#fill += count;
  }

  /** Whether a whole record has come; it then stands at {@link buffer}, {@link from} and {@link to}. */
  next(): boolean {
    if (this.#buffer === undefined) return false;
    const { bytes } = this.#buffer;
    while (this.#fill - this.#at >= 4) {
      const mark = bytes.readUInt32BE(this.#at);
      const length = mark & ~LAST_FRAGMENT;
      const begun = this.#fragments === 0 ? 0 : this.#to - this.#from;
      if (begun + length > this.#limits.recordBytesMax) {
        throw new RecordError(`a record of ${begun + length} bytes; at most ${this.#limits.recordBytesMax} are taken`);
      }
      const start = this.#at + 4;
      if (this.#fill - start < length) return false;
      if (this.#fragments === 0) {
        this.#from = start;
        this.#to = start + length;
      } else {
        bytes.copyWithin(this.#to, start, start + length);
        this.#to += length;
      }
      this.#at = start + length;
      if (this.#to - this.#from > this.#largest) this.#largest = this.#to - this.#from;
      if (mark & LAST_FRAGMENT) {
        this.#fragments = 0;
        return true;
      }
      if (++this.#fragments >= this.#limits.fragmentsMax) {
        throw new RecordError(`a record of more than ${this.#limits.fragmentsMax} fragments`);
      }
    }
    return false;
  }

  /** Lets the buffer go; the reader is not used any more. */
  close(): void {
    this.#buffer?.letGo();
    this.#buffer = undefined;
    this.#at = this.#fill = this.#fragments = 0;
  }

  /** Bytes to come before there is a whole fragment; as many as are worth a read where its length has not come. */
  #missing(): number {
    const here = this.#fill - this.#at;
    if (here < 4) return READ_BYTES_MIN;
    const length = this.#buffer!.bytes.readUInt32BE(this.#at) & ~LAST_FRAGMENT;
    return Math.max(1, length + 4 - here);
  }

  /** Goes on in another buffer, with room for the fragment under way; what has come of the record moves along. */
  #move(): RecordBuffer {
    const old = this.#buffer!;
    const begun = this.#fragments === 0 ? 0 : this.#to - this.#from;
    const here = this.#fill - this.#at;
    const size = begun + here + Math.min(this.#missing(), this.#limits.recordBytesMax) + 4;
    const wanted = RECORDS_PER_BUFFER * Math.max(this.#largest, size);
    // Half of it when the records have become smaller, and never more than they ask for.
    this.#bufferBytes = Math.max(Math.min(wanted, BUFFER_BYTES_MAX), this.#bufferBytes / 2, BUFFER_BYTES_MIN);
    this.#largest = 0;
    const buffer = new RecordBuffer(Math.max(this.#bufferBytes, size));
    old.bytes.copy(buffer.bytes, 0, this.#from, this.#from + begun);
    old.bytes.copy(buffer.bytes, begun, this.#at, this.#fill);
    old.letGo();
    this.#buffer = buffer;
    this.#from = 0;
    this.#to = this.#at = begun;
    this.#fill = begun + here;
    return buffer;
  }
}
