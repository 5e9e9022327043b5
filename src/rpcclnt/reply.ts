/** How a client reads replies, in the place where they were received. */
import { accept_stat, reply_header, reply_stat } from '#protocols/rpc.ts';
import type { XdrReader } from '#protocols/xdr/stream.ts';
import type { RecordBuffer } from '../rpc/record.ts';
import { type RpcError, refusalOf } from './error.ts';

/** The results of a call. */
export interface RemoteReply<Res> {
  /** Buffers in it are views into what was received, and good until {@link release}. */
  readonly value: Res;
  /**
   * Must be called when the value is not used any more, so that the memory can be used again. More calls have no effect.
   */
  release(): void;
}

/** A reply that stands in the buffer of the connection. */
export class PlacedReply<Res> implements RemoteReply<Res> {
  readonly value: Res;
  #buffer: RecordBuffer | undefined;

  constructor(value: Res, buffer: RecordBuffer | undefined) {
    this.value = value;
    this.#buffer = buffer;
    buffer?.hold();
  }

  release(): void {
    this.#buffer?.letGo();
    this.#buffer = undefined;
  }
}

/** A record is copied if it keeps a buffer of more than this size, and of more than so many times its own. */
const PINNED_BYTES_MAX = 64 * 1024;
const PINNED_TIMES_MAX = 16;

/** Whether a record is so small that it should not keep the whole buffer in which it was received. */
export const isSmallIn = (recordBytes: number, bufferBytes: number): boolean =>
  bufferBytes > PINNED_BYTES_MAX && recordBytes * PINNED_TIMES_MAX < bufferBytes;

/**
 * Reads the rest of a reply's header, behind xid and message type. Answers why there are no results; `undefined` if
 * they follow.
 * @throws {XdrError} it is no reply
 */
export function readRefusal(from: XdrReader, name: string): RpcError | undefined {
  const begin = from.at - 8;
  const end = from.at + from.left;
  // Almost all replies are accepted, without a verifier, and successful.
  if (from.uint32() === reply_stat.MSG_ACCEPTED) {
    from.uint32();
    if (from.uint32() === 0 && from.uint32() === accept_stat.SUCCESS) return undefined;
  }
  return refusalOf(name, reply_header.decode(from.reset(from.buffer, begin, end)).reply);
}
