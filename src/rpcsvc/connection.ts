/**
 * A TCP connection: calls in, replies out, in whatever order they end. Replies of one turn of the event loop go out
 * with one write; a client that has too much under way, or does not read its replies, is not read from.
 */
import { Socket } from 'node:net';
import { XdrError, XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';
import type { Peer } from './actor.ts';
import { buffers } from './buffers.ts';
import type { Client, Clients } from './client-limits.ts';
import { dispatch, type Service } from './dispatch.ts';
import { type RecordBuffer, RecordError, type RecordLimits, RecordReader } from './record.ts';
import { unacknowledgedBytes } from '../sys/tcp-queue.ts';
import { Origin } from './origin.ts';
import type { LastAuth, Transport } from './transport.ts';

export interface ConnectionLimits extends RecordLimits {
  /** Reply bytes that wait for the peer to read them, before no more of its calls are taken. */
  readonly unsentBytesMax: number;
  /** How long a connection may be silent, */
  readonly idleMs: number;
  /** a record may take to come, */
  readonly partialMs: number;
  /** and replies may wait without any progress. */
  readonly sendMs: number;
}

const LAST_FRAGMENT = 0x8000_0000;
/** Where replies gather: as large as the last batch was, so that it need not grow. */
const SLAB_BYTES_MIN = 16 * 1024;
/** Replies are written at once when this many bytes have gathered. */
const BATCH_BYTES = 256 * 1024;
/** How long a peer may take to close its side of a connection that we have ended. */
const LINGER_MS = 1000;
/** Receive buffers that calls under way hold. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;

export class Connection implements Transport {
  readonly peer: Peer;
  readonly client: Client;
  readonly origin: Origin;
  lastAuth: LastAuth | undefined;
  readonly #service: Service;
  readonly #limits: ConnectionLimits;
  readonly #socket: Socket;
  readonly #records: RecordReader;
  readonly #from = new XdrReader(Buffer.alloc(0));
  readonly #abort = new AbortController();
  readonly #closed: Promise<void>;
  #out: XdrWriter | undefined;
  #sent: (() => void)[] = [];
  #flushing = false;
  #calls = 0;
  #heldBytes = 0;
  #slabBytes = SLAB_BYTES_MIN;
  /** Reply bytes in `#out`, and those the socket has taken but not sent. */
  #gatheredBytes = 0;
  #queuedBytes = 0;
  #paused = false;
  #draining = false;
  #pumping = false;
  /** The peer has closed its side, and had acknowledged the replies to all that it had asked. */
  #finished = false;
  /** On the clock of `performance.now()`. */
  #readAt = performance.now();
  #wroteAt = performance.now();
  #partialSince = 0;

  /** Takes over the connected socket `fd`. */
  constructor(fd: number, peer: Omit<Peer, 'signal'>, service: Service, clients: Clients, limits: ConnectionLimits) {
    this.#service = service;
    this.#limits = limits;
    this.#records = new RecordReader(limits);
    this.peer = { ...peer, signal: this.#abort.signal };
    this.client = clients.join(peer.address);
    this.origin = new Origin(peer.port);
    this.#socket = new Socket({
      fd,
      allowHalfOpen: true, // who has sent all he wants still gets his replies
      onread: { buffer: () => this.#records.room(), callback: count => this.#read(count) },
    });
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, 60_000);
    this.#socket.on('error', error => {
      service.log.debug({ client: peer.address, why: error.message }, 'connection lost');
    });
    this.#socket.on('end', () => {
      this.#finished = this.#calls === 0 && this.#unsentBytes === 0 && unacknowledgedBytes(fd) === 0;
      void this.drain();
    });
    this.#closed = new Promise(resolve => {
      this.#socket.once('close', () => {
        this.origin.end(this.#finished, performance.now());
        this.#abort.abort();
        this.client.forget(this);
        this.client.left();
        this.#records.close();
        for (const then of this.#sent.splice(0)) then();
        resolve();
      });
    });
    this.#socket.resume();
  }

  /** Resolves when the socket is closed. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Calls that have not been answered. */
  get calls(): number {
    return this.#calls;
  }

  began(): RecordBuffer {
    const { buffer } = this.#records;
    buffer.hold();
    this.#calls++;
    if (buffer.calls++ === 0) this.#heldBytes += buffer.bytes.length;
    this.client.calls++;
    return buffer;
  }

  ended(buffer: RecordBuffer): void {
    this.#calls--;
    if (--buffer.calls === 0) this.#heldBytes -= buffer.bytes.length;
    buffer.letGo();
    this.client.ended();
    if (this.#paused) this.#flushSoon();
    if (this.#draining && this.#calls === 0) this.#flushSoon();
  }

  reply(write: (to: XdrWriter) => void, sent: (() => void)[] | undefined): void {
    if (this.#socket.destroyed) {
      if (sent !== undefined) for (const then of sent) then();
      return;
    }
    const to = (this.#out ??= new XdrWriter(buffers.take(this.#slabBytes)));
    const begin = to.reserve(4);
    const splices = to.splices.length;
    try {
      write(to);
    } catch (error) {
      to.truncate(begin, splices);
      throw error;
    }
    let length = to.at - begin - 4;
    for (let i = splices; i < to.splices.length; i++) length += to.splices[i]!.bytes.length;
    to.patchUint32(begin, LAST_FRAGMENT + length);
    this.#gatheredBytes += length;
    if (sent !== undefined) this.#sent.push(...sent);
    if (this.#gatheredBytes >= BATCH_BYTES) this.#flush();
    else this.#flushSoon();
  }

  /** Takes no more calls (a client asks again elsewhere or later), answers those it has, then closes. */
  async drain(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.#flushSoon();
    }
    await this.#closed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** To be called every few seconds: closes what the limits say is stuck. */
  check(now: number): void {
    const { idleMs, partialMs, sendMs } = this.#limits;
    let why: string | undefined;
    if (this.#queuedBytes > 0 && now - this.#wroteAt > sendMs) why = 'does not read its replies';
    else if (this.#partialSince > 0 && now - this.#partialSince > partialMs) why = 'left a record half sent';
    else if (this.#calls === 0 && now - Math.max(this.#readAt, this.#wroteAt) > idleMs) why = 'idle';
    if (why === undefined) return;
    this.#service.log.debug({ client: this.peer.address, why }, 'connection closed');
    this.destroy();
  }

  #read(count: number): boolean {
    this.#readAt = performance.now();
    if (this.#draining) return true; // what still comes is read and dropped: unread, it would reset the connection
    this.#records.filled(count);
    this.#pump();
    return !this.#paused;
  }

  /** Starts the calls that have come, as far as the limits allow. */
  #pump(): void {
    if (this.#pumping) return; // an actor that answered at once has called back
    this.#pumping = true;
    let records = 0;
    try {
      while (!this.#full() && !this.#draining && this.#records.next()) {
        const { buffer, from, to } = this.#records;
        records++;
        dispatch(this.#service, this, this.#from.reset(buffer.bytes, from, to));
      }
      // A client that is made to wait is not the one that is slow.
      if (this.#paused || !this.#records.partial) this.#partialSince = 0;
      else if (records > 0 || this.#partialSince === 0) this.#partialSince = this.#readAt;
    } catch (error) {
      const client = this.peer.address;
      if (error instanceof RecordError || error instanceof XdrError) {
        this.#service.log.info({ client, why: error.message }, 'connection closed: this is no RPC');
      } else {
        this.#service.log.error({ client, err: error }, 'connection closed: dispatch failed');
      }
      this.destroy();
    } finally {
      this.#pumping = false;
    }
  }

  get #unsentBytes(): number {
    return this.#gatheredBytes + this.#queuedBytes;
  }

  /** Whether the client has to wait, and if so sees to it that it is not forgotten. */
  #full(): boolean {
    const self = this.#unsentBytes > this.#limits.unsentBytesMax || this.#heldBytes > HELD_BYTES_MAX;
    if (!self && !this.client.full) return false;
    if (!self) this.client.wait(this);
    this.#paused = true;
    return true;
  }

  /** Goes on after a pause. */
  resume(): void {
    if (!this.#paused || this.#socket.destroyed) return;
    this.#paused = false;
    this.#pump();
    if (!this.#paused) this.#socket.resume();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
      if (this.#paused) this.resume();
      if (this.#draining && this.#calls === 0) this.#end();
    });
  }

  #flush(): void {
    const out = this.#out;
    if (out === undefined || this.#socket.destroyed) return;
    const sent = this.#sent;
    const bytes = this.#gatheredBytes;
    this.#out = undefined;
    this.#sent = [];
    this.#gatheredBytes = 0;
    this.#slabBytes = Math.max(SLAB_BYTES_MIN, out.at);
    if (this.#queuedBytes === 0) this.#wroteAt = performance.now();
    this.#queuedBytes += bytes;
    const done = () => {
      this.#wroteAt = performance.now();
      this.#queuedBytes -= bytes;
      buffers.give(out.buf);
      for (const then of sent) then();
      if (this.#paused) this.#flushSoon();
    };
    const parts = out.parts();
    if (parts.length === 1) {
      this.#socket.write(parts[0]!, done);
      return;
    }
    this.#socket.cork();
    for (let i = 0; i < parts.length - 1; i++) this.#socket.write(parts[i]!);
    this.#socket.write(parts.at(-1)!, done);
    this.#socket.uncork();
  }

  /** All is answered: sends the last bytes, and gives the peer a moment to close its side. */
  #end(): void {
    if (this.#socket.writableEnded) return;
    this.#socket.end(() => setTimeout(() => this.#socket.destroy(), LINGER_MS).unref());
  }
}
