/**
 * A TCP connection: calls in, replies out, in whatever order they end. A client that has too much under way, or does not
 * read its replies, is not read from.
 */
import { Socket } from 'node:net';
import { XdrError, XdrReader, type XdrWriter } from '#protocols/xdr/stream.ts';
import type { Peer } from './actor.ts';
import type { Client, Clients, Connected } from './limits/client-limits.ts';
import type { ConnectionLimits } from './limits/connection-limits.ts';
import { dispatch } from './dispatch.ts';
import type { Service } from './service.ts';
import { Outgoing } from '../rpc/outgoing.ts';
import { type RecordBuffer, RecordError, type RecordReader } from '../rpc/record.ts';
import { Receiver } from './receiver.ts';
import { peerState, unacknowledgedBytes } from '../sys/sockets/tcp-state.ts';
import { Origin, type OriginState } from './duplicates/origin.ts';
import type { LastAuth, Transport } from './transport.ts';

/** How long a peer may take to close its side of a connection that we have ended. */
const LINGER_MS = 1000;
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
  readonly #receiver: Receiver;
  readonly #records: RecordReader;
  readonly #out: Outgoing;
  readonly #abort = new AbortController();
  readonly #closed: Promise<void>;
  #flushing = false;
  #calls = 0;
  /** Bytes that are reserved for replies that are being made. */
  #reservedBytes = 0;
  /** Received records must wait, because the client has reached one of its limits. */
  #paused = false;
  #draining = false;
  #pumping = false;

  /** Takes over the connected socket `fd`. */
  constructor(fd: number, peer: Omit<Peer, 'signal'>, service: Service, clients: Clients, limits: ConnectionLimits) {
    this.#service = service;
    this.#limits = limits;
    this.peer = { ...peer, signal: this.#abort.signal };
    this.origin = new Origin(peer.port, () => this.#peerState(fd));
    this.client = clients.of(peer.address);
    this.client.connections.add(this);
    this.#receiver = new Receiver(limits, this.client, this);
    this.#records = this.#receiver.records;
    this.#socket = new Socket({
      fd,
      allowHalfOpen: true, // a peer that has sent all it wants still gets its replies
      onread: { buffer: () => this.#receiver.offer(), callback: count => this.#read(count) },
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
    this.#receiver.makeRoom(0, false);
    if (!this.#receiver.cramped) this.#socket.resume();
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
    return this.#receiver.crampedSince;
  }

  /** Calls that have not been answered. */
  get calls(): number {
    return this.#calls;
  }

  /** When the peer last sent something or read some of its replies, on the clock of `performance.now()`. */
  get activeAt(): number {
    return Math.max(this.#receiver.readAt, this.#out.wroteAt);
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
    const { partialSince, readAt } = this.#receiver;
    return Math.min(this.#out.stuckSince, partialSince === Infinity ? Infinity : readAt);
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
    else if (now - this.#receiver.partialSince > partialMs) this.close('left a record half sent');
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
      if (this.#paused || this.#receiver.cramped) this.#resume();
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
    this.#receiver.touch();
    if (this.#draining) return true; // what still comes is read and dropped: unread, it would reset the connection
    this.#receiver.received(count);
    this.#pump();
    return !this.#paused && !this.#receiver.cramped;
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
      this.#receiver.makeRoom(records, this.#paused);
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

  #progress(): void {
    if (this.#paused) this.resumeSoon();
    if (this.client.waits) this.client.wake();
  }

  #resume(): void {
    if (this.#socket.destroyed) return;
    this.client.forget(this);
    this.#paused = false;
    this.#receiver.resume();
    this.#pump();
    if (!this.#paused && !this.#receiver.cramped) this.#socket.resume();
  }

  /** All is answered: sends the last bytes, and gives the peer a moment to close its side. */
  #end(): void {
    if (this.#socket.writableEnded) return;
    this.#socket.end(() => setTimeout(() => this.#socket.destroy(), LINGER_MS).unref());
  }
}
