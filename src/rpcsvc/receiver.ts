/**
 * The receiving side of a connection: chooses the buffer for each read, and knows for how long the rest of a record has
 * not come, because of the peer or because of a lack of memory.
 */
import type { Waiting } from '../rpc/budget.ts';
import { type RecordLimits, RecordReader } from '../rpc/record.ts';
import type { Client } from './limits/client-limits.ts';

/** The most bytes that are read at a time while no record has begun. */
const LANDING_BYTES = 32 * 1024;
/**
 * Where all connections of this thread read to between records; what comes is copied at once. So a connection has no
 * memory of its own while it is idle. What comes of a large record after its beginning is read to where it will stand.
 */
const landing = Buffer.allocUnsafeSlow(LANDING_BYTES);

export class Receiver {
  readonly records: RecordReader;
  readonly #client: Client;
  readonly #connection: Waiting;
  /** The buffer for the next read, and the buffer of the read that is under way. */
  #room: Buffer = landing;
  #offered: Buffer = landing;
  #cramped = false;
  /** These three are on the clock of `performance.now()`. */
  #crampedSince = Infinity;
  #partialSince = Infinity;
  #readAt = performance.now();

  /** `connection` is resumed when there is memory again, after there was none for its next read. */
  constructor(limits: RecordLimits, client: Client, connection: Waiting) {
    this.records = new RecordReader(limits, client.received);
    this.#client = client;
    this.#connection = connection;
  }

  /** There is no memory for the record that is being received, so nothing more must be read. */
  get cramped(): boolean {
    return this.#cramped;
  }

  /** Since when there is no memory; `Infinity` if there is. */
  get crampedSince(): number {
    return this.#crampedSince;
  }

  /** Since when a record has been incomplete that the peer could complete; `Infinity` if there is none. */
  get partialSince(): number {
    return this.#partialSince;
  }

  /** When the peer last sent something, or was last given the chance to. */
  get readAt(): number {
    return this.#readAt;
  }

  /** Returns the buffer for the next read. */
  offer(): Buffer {
    return (this.#offered = this.#room);
  }

  /** Processes the `count` bytes that have been read into the offered buffer. */
  received(count: number): void {
    if (this.#offered === landing) this.records.take(landing.subarray(0, count));
    else this.records.filled(count);
  }

  /** Notes that the peer has sent something now, or could not send before. */
  touch(): void {
    this.#readAt = performance.now();
  }

  /** Called before a connection tries again to go on. */
  resume(): void {
    this.#cramped = false;
    this.touch();
  }

  /**
   * Chooses the buffer for the next read, after `completed` records have been processed. While the connection is
   * `paused`, no record needs room.
   */
  makeRoom(completed: number, paused: boolean): void {
    this.records.rest();
    const { partial } = this.records;
    if (!partial) this.#client.unfavour(this.#connection);
    const room = paused ? landing : partial ? this.#roomForRest() : this.#landing();
    this.#room = room ?? landing;
    this.#cramped = room === undefined;
    if (!this.#cramped) this.#crampedSince = Infinity;
    else if (this.#crampedSince === Infinity) this.#crampedSince = performance.now();
    if (this.#cramped) this.#client.wait(this.#connection);
    // While the server makes the client wait, the delay of the record is not the client's.
    if (!partial || paused || this.#cramped) this.#partialSince = Infinity;
    else if (completed > 0 || this.#partialSince === Infinity) this.#partialSince = this.#readAt;
  }

  #landing(): Buffer | undefined {
    return this.#client.received.fits(LANDING_BYTES) ? landing : undefined;
  }

  /**
   * Returns room for the rest of a record. If need be it exceeds the client's share, which one connection of a client
   * may do.
   */
  #roomForRest(): Buffer | undefined {
    const { records } = this;
    const client = this.#client;
    const connection = this.#connection;
    const room = records.room();
    if (room !== undefined || (client.favourite ?? connection) !== connection) return room;
    const anyway = records.room(true);
    if (anyway !== undefined) client.favourite = connection;
    return anyway;
  }
}
