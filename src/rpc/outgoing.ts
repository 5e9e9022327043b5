/**
 * The messages that one side of a connection sends: the replies of a server, or the calls of a client. Those of one turn
 * of the event loop go out with one write; large payloads stay where they are and go out between (writev).
 */
import type { Socket } from 'node:net';
import { XdrWriter } from '#protocols/xdr/stream.ts';
import type { Share } from './budget.ts';
import { buffers, type Slab } from './buffers.ts';

const LAST_FRAGMENT = 0x8000_0000;
/**
 * The smallest buffer in which messages gather. Later ones are as large as the last batch, so that they need not grow.
 */
const SLAB_BYTES_MIN = 16 * 1024;
/** Messages are written at once when this many bytes have gathered. */
const BATCH_BYTES = 256 * 1024;

/** Messages that are sent together. */
interface Batch {
  readonly to: XdrWriter;
  readonly slab: Slab;
  /** The bytes of memory that the batch takes. */
  bytes: number;
  readonly sent: (() => void)[];
  /** {@link Outgoing.position} behind its last message. */
  end: number;
  /** The socket could not take it at once, so that the peer had to make room. */
  waited: boolean;
  /** The batch has been sent, or never will be. */
  over: boolean;
}

export class Outgoing {
  readonly #socket: Socket;
  readonly #share: Share;
  readonly #progress: () => void;
  readonly #apart: boolean;
  /** The batch in which messages gather now. */
  #batch: Batch | undefined;
  /** Where the message that is being written begins in the batch, and how many payloads stand before it. */
  #message = 0;
  #splices = 0;
  /** All bytes of the messages that were added, and of those that were sent. */
  #position = 0;
  #sentPosition = 0;
  #tookAt = 0;
  #slabBytes = SLAB_BYTES_MIN;
  /** The bytes of memory of the batches that were handed to the socket and are not sent yet. */
  #queuedBytes = 0;
  #wroteAt = performance.now();

  /**
   * The memory that messages take counts in `share`; `progress` is called when some have been sent. With `apart` each
   * message is a write of its own.
   */
  constructor(socket: Socket, share: Share, progress: () => void, apart = false) {
    this.#socket = socket;
    this.#share = share;
    this.#progress = progress;
    this.#apart = apart;
  }

  /** Memory that is taken by messages which have not been sent, in bytes. */
  get bytes(): number {
    return (this.#batch?.bytes ?? 0) + this.#queuedBytes;
  }

  /** When the peer last took something, on the clock of `performance.now()`. */
  get wroteAt(): number {
    return this.#wroteAt;
  }

  /** Since when the peer has read nothing of what waits for it; `Infinity` if nothing waits. */
  get stuckSince(): number {
    return this.#queuedBytes > 0 ? this.#wroteAt : Infinity;
  }

  /** When the peer last made room for messages that had to wait for it, on the clock of `performance.now()`; 0: never. */
  get tookAt(): number {
    return this.#tookAt;
  }

  /** How many bytes have been added in all. */
  get position(): number {
    return this.#position;
  }

  /** Whether everything up to `position` has left, so that nothing reads the payloads any more. */
  hasSent(position: number): boolean {
    return position <= this.#sentPosition;
  }

  /** Adds the message that `write` writes; `sent` run when it is on its way, or never will be. */
  add(write: (to: XdrWriter) => void, sent: (() => void)[] | undefined): void {
    const to = this.begin();
    try {
      write(to);
    } catch (error) {
      this.undo();
      throw error;
    }
    this.end(sent);
  }

  /** Begins a message. It is what is written until {@link end} or {@link undo}, one of which must follow at once. */
  begin(): XdrWriter {
    const { to } = (this.#batch ??= this.#newBatch());
    this.#message = to.reserve(4);
    this.#splices = to.splices.length;
    return to;
  }

  /** Drops the message that {@link begin} began. */
  undo(): void {
    this.#batch!.to.truncate(this.#message, this.#splices);
  }

  /** Ends the message that {@link begin} began; `sent` run when it is on its way, or never will be. */
  end(sent?: readonly (() => void)[]): void {
    const batch = this.#batch!;
    const { to } = batch;
    let length = to.at - this.#message - 4;
    if (to.splices.length > this.#splices) length += this.#addPayloads(batch, this.#splices);
    to.patchUint32(this.#message, LAST_FRAGMENT + length);
    batch.end = this.#position += length + 4;
    if (sent !== undefined) batch.sent.push(...sent);
    if (this.#apart || to.at + batch.bytes - batch.slab.bytes.length >= BATCH_BYTES) this.flush();
  }

  /** Hands what has gathered to the socket, unless it still has something and there is not much yet. */
  flush(): void {
    const batch = this.#batch;
    if (batch === undefined || this.#socket.destroyed) return;
    const { to, slab, bytes } = batch;
    if (this.#queuedBytes > 0 && bytes < BATCH_BYTES && to.at < slab.bytes.length / 2 && !this.#apart) return;
    this.#batch = undefined;
    this.#slabBytes = Math.max(SLAB_BYTES_MIN, to.at);
    if (this.#queuedBytes === 0) this.#wroteAt = performance.now();
    this.#queuedBytes += bytes;
    const done = () => this.#done(batch); // also called when the socket is closed before it has sent them
    const parts = to.parts();
    if (parts.length === 1) {
      this.#socket.write(parts[0]!, done);
    } else {
      this.#socket.cork();
      for (let i = 0; i < parts.length - 1; i++) this.#socket.write(parts[i]!);
      this.#socket.write(parts.at(-1)!, done);
      this.#socket.uncork();
    }
    batch.waited = this.#socket.writableLength > 0;
  }

  /** The socket is closed: what has gathered is not sent. */
  close(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch !== undefined) this.#letGo(batch);
  }

  #newBatch(): Batch {
    const slab = buffers.take(this.#slabBytes);
    const { length } = slab.bytes;
    this.#share.take(length);
    const to = new XdrWriter(slab.bytes, slab.view);
    return { to, slab, bytes: length, sent: [], end: this.#position, waited: false, over: false };
  }

  /** Counts the payloads from the one with number `from` on, and answers how many bytes they put into the stream. */
  #addPayloads(batch: Batch, from: number): number {
    const { splices } = batch.to;
    let length = 0;
    let held = 0;
    for (let i = from; i < splices.length; i++) {
      const { bytes } = splices[i]!;
      length += bytes.length;
      // A buffer that is used again may be larger than what was read into it.
      held += Math.min(bytes.buffer.byteLength, 2 * bytes.length);
    }
    batch.bytes += held;
    this.#share.take(held);
    return length;
  }

  #done(batch: Batch): void {
    if (batch.over) return; // Node calls back twice where a write fails at once; the buffers may have new owners by then
    batch.over = true;
    this.#wroteAt = performance.now();
    if (batch.waited) this.#tookAt = this.#wroteAt;
    this.#sentPosition = batch.end;
    this.#queuedBytes -= batch.bytes;
    this.#letGo(batch);
    if (this.#batch !== undefined) this.flush();
    this.#progress();
  }

  #letGo({ slab, bytes, sent }: Batch): void {
    buffers.give(slab);
    for (const then of sent) then();
    this.#share.give(bytes);
  }
}
