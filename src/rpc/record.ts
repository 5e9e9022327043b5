/**
 * Record marking (RFC 5531, 11), without I/O: bytes go in as the socket reads them, whole records come out.
 *
 * The bytes are read straight to where the record will stand, so a record in one fragment is never copied (but for the
 * beginning of a large one). Calls that are still under way hold the buffer that their arguments are views into.
 */
import type { Share } from './budget.ts';
import { buffers, type Slab } from './buffers.ts';

/** The stream is no stream of records, or a record is over the limit: the connection cannot go on. */
export class RecordError extends Error {
  override name = 'RecordError';
}

const LAST_FRAGMENT = 0x8000_0000;
const BUFFER_BYTES_MIN = 4 * 1024;
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;
/** How many large records a buffer should hold. Each record that does not fit into the rest of it is copied in part. */
const RECORDS_PER_BUFFER = 4;

/** A buffer that records stand in, given back to the pool when the reader and all calls have let it go. */
export class RecordBuffer {
  readonly bytes: Buffer;
  readonly #pooled: Slab | undefined;
  readonly #share: Share | undefined;
  #holds = 1;

  /**
   * Takes a buffer of at least so many bytes from the pool, which count in `share` until it is let go. Or it is lent: then
   * records stand in it only until all that have come were looked at, and nothing may hold it.
   */
  constructor(size: number | Buffer, share?: Share) {
    this.#pooled = typeof size === 'number' ? buffers.take(size) : undefined;
    this.bytes = typeof size === 'number' ? this.#pooled!.bytes : size;
    this.#share = share;
    share?.take(this.bytes.length);
  }

  get isLent(): boolean {
    return this.#pooled === undefined;
  }

  get shared(): boolean {
    return this.#holds > 1;
  }

  hold(): void {
    this.#holds++;
  }

  letGo(): void {
    if (this.#pooled === undefined || --this.#holds > 0) return;
    const { length } = this.bytes;
    buffers.give(this.#pooled);
    this.#share?.give(length);
  }
}

export interface RecordLimits {
  readonly recordBytesMax: number;
  /** Fragments of one record; the zero-length ones count as well. */
  readonly fragmentsMax: number;
}

export class RecordReader {
  readonly #limits: RecordLimits;
  readonly #share: Share | undefined;
  /** Absent while the stream has no bytes that still have to be processed. */
  #buffer: RecordBuffer | undefined;
  /** What has been read and not looked at: from `#at` to `#fill`. */
  #at = 0;
  #fill = 0;
  /** The record being put together: from `#from` to `#to`, after `#fragments` fragments. */
  #from = 0;
  #to = 0;
  #fragments = 0;
  /** The length of the largest recent record. */
  #largest = 0;

  /** The memory of the reader's buffers counts in `share`. */
  constructor(limits: RecordLimits, share?: Share) {
    this.#limits = limits;
    this.#share = share;
  }

  /** The buffer that holds the record which {@link next} found. */
  get buffer(): RecordBuffer {
    return this.#buffer!;
  }

  /** The offset in {@link buffer} at which the record begins. */
  get from(): number {
    return this.#from;
  }

  /** The offset in {@link buffer} at which the record ends (exclusive). */
  get to(): number {
    return this.#to;
  }

  /** The bytes of memory that hold received data which has not been processed yet. */
  get bytes(): number {
    return this.#buffer?.bytes.length ?? 0;
  }

  /** Whether a record has begun and not ended. */
  get partial(): boolean {
    return this.#fragments > 0 || this.#fill > this.#at;
  }

  /**
   * The place into which the next bytes of a {@link partial} record should be read, so that they need not be copied. It
   * has room for the whole fragment, and perhaps for more. `undefined` if the share has no room for it; call again when
   * it has. With `anyway`, the memory may exceed the share as long as the budget still has enough free.
   */
  room(anyway = false): Buffer | undefined {
    const missing = this.#missing();
    let buffer = this.#buffer!;
    if (buffer.bytes.length - this.#fill < missing) {
      const size = this.#sizeFor(missing, anyway);
      if (size === undefined) return undefined;
      buffer = this.#move(size);
    }
    return buffer.bytes.subarray(this.#fill);
  }

  /** `count` bytes have been put into {@link room}. */
  filled(count: number): void {
    this.#fill += count;
  }

  /** Appends a copy of these bytes to the stream. */
  take(bytes: Buffer): void {
    const here = this.#kept();
    if (this.#buffer === undefined || this.#buffer.bytes.length - this.#fill < bytes.length) {
      this.#move(here + bytes.length);
    }
    bytes.copy(this.#buffer!.bytes, this.#fill);
    this.#fill += bytes.length;
  }

  /** The stream goes on with the first `count` bytes of `lent`, while no record is {@link partial}. */
  look(lent: RecordBuffer, count: number): void {
    this.#buffer?.letGo();
    this.#buffer = lent;
    this.#at = this.#from = this.#to = 0;
    this.#fill = count;
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
      if (mark & LAST_FRAGMENT) {
        this.#fragments = 0;
        this.#largest = Math.max(this.#to - this.#from, this.#largest >>> 1);
        return true;
      }
      if (++this.#fragments >= this.#limits.fragmentsMax) {
        throw new RecordError(`a record of more than ${this.#limits.fragmentsMax} fragments`);
      }
    }
    return false;
  }

  /**
   * Must be called when {@link next} has found no further record. Lets the buffer go if it holds no unprocessed bytes, and
   * copies them if it was lent.
   */
  rest(): void {
    if (!this.partial) this.close();
    else if (this.#buffer!.isLent) this.#move(this.#kept() + this.#missing());
  }

  /** Lets the buffer go and drops its content. */
  close(): void {
    this.#buffer?.letGo();
    this.#buffer = undefined;
    this.#at = this.#fill = this.#from = this.#to = this.#fragments = 0;
  }

  /** The number of bytes that are missing until the fragment, or the mark with its length, is complete. */
  #missing(): number {
    const here = this.#fill - this.#at;
    if (here < 4) return 4 - here;
    const length = this.#buffer!.bytes.readUInt32BE(this.#at) & ~LAST_FRAGMENT;
    return Math.max(1, length + 4 - here);
  }

  /** The bytes of the current record: those already put together, and those received and not examined yet. */
  #kept(): number {
    return (this.#fragments === 0 ? 0 : this.#to - this.#from) + this.#fill - this.#at;
  }

  /**
   * The size of a new buffer for `missing` more bytes. It is for several records if recent records were of that size
   * and there is room. `undefined` if there is no room even for one.
   */
  #sizeFor(missing: number, anyway: boolean): number | undefined {
    const size = Math.max(this.#kept() + missing, BUFFER_BYTES_MIN);
    const several = Math.min(RECORDS_PER_BUFFER * Math.min(this.#largest, size), BUFFER_BYTES_MAX);
    if (several > size && this.#fits(several)) return several;
    const left = this.#share?.budget.free ?? Infinity;
    return this.#fits(size) || (anyway && left >= buffers.sizeFor(size)) ? size : undefined;
  }

  #fits(size: number): boolean {
    return this.#share?.fits(buffers.sizeFor(size)) ?? true;
  }

  /** Changes to another buffer of at least `size` bytes, and moves what has been received of the record into it. */
  #move(size: number): RecordBuffer {
    const old = this.#buffer;
    const begun = this.#fragments === 0 ? 0 : this.#to - this.#from;
    const here = this.#fill - this.#at;
    const buffer = new RecordBuffer(size, this.#share);
    if (old !== undefined) {
      old.bytes.copy(buffer.bytes, 0, this.#from, this.#from + begun);
      old.bytes.copy(buffer.bytes, begun, this.#at, this.#fill);
      old.letGo();
    }
    this.#buffer = buffer;
    this.#from = 0;
    this.#to = this.#at = begun;
    this.#fill = begun + here;
    return buffer;
  }
}
