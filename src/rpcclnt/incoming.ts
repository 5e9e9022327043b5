/** The receiving side of a client's connection: chooses the buffer for each read. */
import type { Socket } from 'node:net';
import { RecordBuffer, type RecordLimits, RecordReader } from '../rpc/record.ts';

const LANDING_BYTES = 32 * 1024;
/**
 * Where all clients of this thread read to between records, so that a connection has no memory of its own while nothing
 * is received. What comes of a large record after its beginning is read to where it will stand.
 */
const landing = Buffer.allocUnsafeSlow(LANDING_BYTES);
/** Few bytes are looked at where they have landed; the results in them that are kept are copied one by one. */
const LOOKED_AT_BYTES_MAX = 2048;
const lent = new RecordBuffer(landing);

export class Incoming {
  readonly records: RecordReader;
  #room: Buffer = landing;
  #offered: Buffer = landing;
  #take: () => void = () => {};

  constructor(limits: RecordLimits) {
    this.records = new RecordReader(limits);
  }

  /** The option `onread` of a socket that this is to receive from. */
  readonly onread = {
    buffer: (): Buffer => (this.#offered = this.#room),
    callback: (count: number): boolean => {
      const { records } = this;
      if (this.#offered !== landing) records.filled(count);
      else if (count <= LOOKED_AT_BYTES_MAX && !records.partial) records.look(lent, count);
      else records.take(landing.subarray(0, count));
      this.#take();
      return true;
    },
  };

  /** Calls `take` whenever more has been received. */
  start(take: () => void): void {
    this.#take = take;
  }

  /** Receives from a socket that was made without {@link onread}. */
  listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      this.records.take(chunk);
      this.#take();
    });
  }

  /** Must be called when all records that have come were looked at: chooses the buffer for the next read. */
  makeRoom(): void {
    this.records.rest();
    this.#room = this.records.partial ? (this.records.room(true) ?? landing) : landing;
  }

  close(): void {
    this.#room = landing;
    this.records.close();
  }
}
