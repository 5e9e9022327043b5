/**
 * A TCP connection: calls in, replies out, in whatever order they end. A client that has too much under way, or does not
 * read its replies, is not read from.
 */
import { Socket } from 'node:net';
import { XdrError, XdrReader, type XdrWriter } from '#protocols/xdr/stream.ts';
import type { Peer } from './actor.ts';
import type { Client, Clients, Connected } from './limits/client-limits.ts';
import { dispatch } from './dispatch.ts';
import type { Service } from './service.ts';
import { Outgoing } from '../rpc/outgoing.ts';
import { type RecordBuffer, RecordError, type RecordLimits, RecordReader } from '../rpc/record.ts';
import { peerState, unacknowledgedBytes } from '../sys/sockets/tcp-state.ts';
import { Origin, type OriginState } from './duplicates/origin.ts';
import type { LastAuth, Transport } from './transport.ts';

export interface ConnectionLimits extends RecordLimits {
  /**
   * When replies of this many bytes, finished or being made, wait for the peer to read them, no more of its calls are
   * taken.
   */
  readonly unsentBytesMax: number;
  /** The largest reply: a call is taken only if there is room for one. */
  readonly replyBytesMax: number;
  /** How long a connection may be silent that has made a call before. */
  readonly idleMs: number;
  /** How long a connection may be open without having made a call. */
  readonly silentMs: number;
  /** How long a record may take to come. */
  readonly partialMs: number;
  /** How long replies may wait without any progress. */
  readonly sendMs: number;
}

/** How long a peer may take to close its side of a connection that we have ended. */
const LINGER_MS = 1000;
/** The most bytes that are read at a time while no record has begun. */
const LANDING_BYTES = 32 * 1024;
/**
 * Where all connections of this thread read to between records; what comes is copied at once. So a connection has no
 * memory of its own while it is idle. What comes of a large record after its beginning is read to where it will stand.
 */
const landing = Buffer.allocUnsafeSlow(LANDING_BYTES);
/**
 * Reads the calls of all connections of this thread: arguments are decoded before dispatch returns. The buffers come from
 * a pool, so it is often in the same one as before, which costs it least.
 */
const reader = new XdrReader(Buffer.alloc(0));

export class Connection implements Transport, Connected {
  readonly peer: Peer;
  readonly client: Client;
  readonly origin: Origin;
  lastAuth: LastAuth | undefined;
  /** Whether the peer has made a call other than NULL that could be decoded. */
  proven = false;
  readonly #service: Service;
  readonly #limits: ConnectionLimits;
  readonly #socket: Socket;
  readonly #records: RecordReader;
  readonly #out: Outgoing;
  readonly #abort = new AbortController();
  readonly #closed: Promise<void>;
  /** The buffer for the next read, and the buffer of the read that is under way. */
  #room: Buffer = landing;
  #offered: Buffer = landing;
  #flushing = false;
  #calls = 0;
  /** Bytes that are reserved for replies that are being made. */
  #reservedBytes = 0;
  /** Received records must wait, because the client has reached one of its limits. */
  #paused = false;
  /** There is no memory for the record that is being received. */
  #cramped = false;
  #crampedSince = Infinity;
  #draining = false;
  #pumping = false;
  /** On the clock of `performance.now()`. */
  #readAt = performance.now();
  #partialSince = Infinity;

  /** Takes over the connected socket `fd`. */
  constructor(fd: number, peer: Omit<Peer, 'signal'>, service: Service, clients: Clients, limits: ConnectionLimits) {
    this.#service = service;
    this.#limits = limits;
    this.peer = { ...peer, signal: this.#abort.signal };
    this.origin = new Origin(peer.port, () => this.#peerState(fd));
    this.client = clients.of(peer.address);
    this.client.connections.add(this);
    this.#records = new RecordReader(limits, this.client.received);
    this.#socket = new Socket({
      fd,
      allowHalfOpen: true, // a peer that has sent all it wants still gets its replies
      onread: { buffer: () => (this.#offered = this.#room), callback: count => this.#read(count) },
    });
    this.#out = new Outgoing(this.#socket, this.client.replies, () => this.#progress());
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, 60_000);
    this.#socket.on('error', error => {
      this.origin.end(false, performance.now()); // also if it had finished: the peer has not received everything then
      service.log.debug({ client: peer.address, why: error.message }, 'connection lost');
    });
    this.#socket.on('end', () => {
      this.origin.end(this.#hasAllReplies(fd), performance.now());
      void this.drain();
    });
    this.#closed = new Promise(resolve => {
      this.#socket.once('close', () => {
        if (this.origin.endedAt === Infinity) this.origin.end(false, performance.now());
        this.#abort.abort();
        this.client.forget(this);
        this.client.unfavour(this);
        this.client.left(this);
        this.#records.close();
        this.#out.close();
        this.client.wake();
        resolve();
      });
    });
    this.#makeRoom(0);
    if (!this.#cramped) this.#socket.resume();
  }

  /** Resolves when the socket is closed. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /**
   * Since when the connection has waited for memory to receive what the peer sends; it may hold part of a record
   * meanwhile. `Infinity` if it does not wait.
   */
  get crampedSince(): number {
    return this.#crampedSince;
  }

  /** Calls that have not been answered. */
  get calls(): number {
    return this.#calls;
  }

  /** When the peer last sent something or read some of its replies, on the clock of `performance.now()`. */
  get activeAt(): number {
    return Math.max(this.#readAt, this.#out.wroteAt);
  }

  /** The bytes of memory that the connection holds for the peer. */
  get heldBytes(): number {
    return this.#out.bytes + this.#records.bytes;
  }

  /**
   * Since when the peer has not read the replies that wait for it, or not continued the record that it began; the
   * earlier of the two. `Infinity` if it does neither.
   */
  get stuckSince(): number {
    return Math.min(this.#out.stuckSince, this.#partialSince === Infinity ? Infinity : this.#readAt);
  }

  began(replyBytes: number): RecordBuffer {
    const { buffer } = this.#records;
    buffer.hold();
    this.#calls++;
    this.#reservedBytes += replyBytes;
    this.client.replies.take(replyBytes);
    this.client.began();
    return buffer;
  }

  ended(buffer: RecordBuffer, replyBytes: number): void {
    this.#calls--;
    this.#reservedBytes -= replyBytes;
    buffer.letGo();
    this.client.replies.give(replyBytes);
    this.client.ended();
    if (this.#paused || (this.#draining && this.#calls === 0)) this.resumeSoon();
  }

  reply(write: (to: XdrWriter) => void, sent: (() => void)[] | undefined): void {
    if (this.#socket.destroyed) {
      if (sent !== undefined) for (const then of sent) then();
      return;
    }
    this.#out.add(write, sent);
    this.resumeSoon();
  }

  /** Takes no more calls (a client asks again elsewhere or later), answers those it has, then closes. */
  async drain(): Promise<void> {
    if (!this.#draining) {
      this.#draining = true;
      this.resumeSoon();
    }
    await this.#closed;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Closes the connection and logs the reason. */
  close(why: string): void {
    this.#service.log.debug({ client: this.peer.address, why }, 'connection closed');
    this.destroy();
  }

  /**
   * Must be called every few seconds. Closes the connection if it is idle or stuck for longer than its limits allow.
   */
  check(now: number): void {
    const { idleMs, silentMs, partialMs, sendMs } = this.#limits;
    if (now - this.#out.stuckSince > sendMs) this.close('does not read its replies');
    else if (now - this.#partialSince > partialMs) this.close('left a record half sent');
    else if (this.#calls > 0) return;
    else if (now - this.activeAt > (this.proven ? idleMs : silentMs)) this.close('idle');
  }

  /** At the end of this turn of the event loop, sends the gathered replies and resumes a connection that has paused. */
  resumeSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#out.flush();
      if (this.#paused || this.#cramped) this.#resume();
      if (this.#draining && this.#calls === 0) this.#end();
    });
  }

  #peerState(fd: number): OriginState {
    if (this.#socket.destroyed) return 'broken'; // the descriptor may be another's by now
    const state = peerState(fd);
    return state === 'open' ? 'open' : state === 'closed' && this.#hasAllReplies(fd) ? 'finished' : 'broken';
  }

  /** Whether the peer has acknowledged the replies to all its calls. */
  #hasAllReplies(fd: number): boolean {
    return this.#calls === 0 && this.#out.bytes === 0 && unacknowledgedBytes(fd) === 0;
  }

  #read(count: number): boolean {
    this.#readAt = performance.now();
    if (this.#draining) return true; // what still comes is read and dropped: unread, it would reset the connection
    if (this.#offered === landing) this.#records.take(landing.subarray(0, count));
    else this.#records.filled(count);
    this.#pump();
    return !this.#paused && !this.#cramped;
  }

  /** Starts the received calls as far as the limits allow, and finds room for what is received next. */
  #pump(): void {
    if (this.#pumping) return; // an actor that answered at once has called back
    this.#pumping = true;
    let records = 0;
    try {
      while (!this.#full() && !this.#draining && this.#records.next()) {
        const { buffer, from, to } = this.#records;
        records++;
        this.client.took();
        dispatch(this.#service, this, reader.reset(buffer.bytes, from, to));
      }
      this.#makeRoom(records);
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

  /**
   * Whether the client has to wait before its next call is taken. There must be room for the reply before it is made.
   */
  #full(): boolean {
    const { unsentBytesMax, replyBytesMax } = this.#limits;
    const unsent = this.#out.bytes + this.#reservedBytes;
    const own = unsent > 0 && unsent + replyBytesMax > unsentBytesMax;
    if (!own && !this.client.full && this.client.replies.fits(replyBytesMax)) {
      if (!this.client.waitsForTurn(this)) return false;
    } else if (!own) {
      this.client.wait(this);
    }
    this.#paused = true;
    return true;
  }

  /** Chooses the buffer for the next read. Without memory for it nothing more is read. */
  #makeRoom(records: number): void {
    this.#records.rest();
    const { partial } = this.#records;
    if (!partial) this.client.unfavour(this);
    const room = this.#paused ? landing : partial ? this.#roomForRest() : this.#landing();
    this.#room = room ?? landing;
    this.#cramped = room === undefined;
    if (!this.#cramped) this.#crampedSince = Infinity;
    else if (this.#crampedSince === Infinity) this.#crampedSince = performance.now();
    if (this.#cramped) this.client.wait(this);
    // While the server makes the client wait, the delay of the record is not the client's.
    if (!partial || this.#paused || this.#cramped) this.#partialSince = Infinity;
    else if (records > 0 || this.#partialSince === Infinity) this.#partialSince = this.#readAt;
  }

  #landing(): Buffer | undefined {
    return this.client.received.fits(LANDING_BYTES) ? landing : undefined;
  }

  /**
   * Returns room for the rest of a record. If need be it exceeds the client's share, which one connection of a client
   * may do.
   */
  #roomForRest(): Buffer | undefined {
    const { client } = this;
    const room = this.#records.room();
    if (room !== undefined || (client.favourite ?? this) !== this) return room;
    const anyway = this.#records.room(true);
    if (anyway !== undefined) client.favourite = this;
    return anyway;
  }

  #progress(): void {
    if (this.#paused) this.resumeSoon();
    if (this.client.waits) this.client.wake();
  }

  #resume(): void {
    if (this.#socket.destroyed) return;
    this.client.forget(this);
    this.#paused = this.#cramped = false;
    this.#readAt = performance.now(); // nothing was read until now, which was not the peer's doing
    this.#pump();
    if (!this.#paused && !this.#cramped) this.#socket.resume();
  }

  /** All is answered: sends the last bytes, and gives the peer a moment to close its side. */
  #end(): void {
    if (this.#socket.writableEnded) return;
    this.#socket.end(() => setTimeout(() => this.#socket.destroy(), LINGER_MS).unref());
  }
}
