/** A connection of an NFS client that outlives its socket: calls without an answer are sent again, as Linux does it. */
import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { RecordReader } from '#src/rpc/record.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Reply {
  readonly bytes: Buffer;
  /** Whether the call was sent more than once: the server, or another one, may have done it before. */
  readonly again: boolean;
}

interface Pending {
  readonly call: Buffer;
  again: boolean;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

const LIMITS = { recordBytesMax: 16 * 1024 * 1024, fragmentsMax: 4096 };
const RECONNECT_MS = 50;

let xids = 1;

export class RpcLine {
  /** How often it had to connect again. */
  reconnects = 0;
  readonly #address: () => Address;
  readonly #pending = new Map<number, Pending>();
  readonly #events = new EventEmitter<{ connect: [] }>();
  #socket: Socket | undefined;
  #closed = false;

  private constructor(address: () => Address) {
    this.#address = address;
  }

  /** Connects to the address that the function returns then, and whenever the connection has ended. */
  static async open(address: () => Address): Promise<RpcLine> {
    const line = new RpcLine(address);
    line.#connect();
    await once(line.#socket!, 'connect');
    return line;
  }

  close(): void {
    this.#closed = true;
    this.#socket?.destroy();
    for (const { reject } of this.#pending.values()) reject(new Error('the test has closed the connection'));
    this.#pending.clear();
  }

  /** Breaks the connection. What has no answer yet is sent again on the next one; the promise is kept when that is there. */
  async reset(): Promise<void> {
    const connected = once(this.#events, 'connect');
    this.#socket?.resetAndDestroy();
    await connected;
  }

  /** Sends a call with its record mark, and returns the reply from its header on. */
  call(call: Buffer): Promise<Reply> {
    const xid = xids++ >>> 0;
    call.writeUInt32BE(xid, 4);
    return new Promise((resolve, reject) => {
      this.#pending.set(xid, { call, again: false, resolve, reject });
      this.#socket?.write(call);
    });
  }

  #connect(): void {
    const { host, port } = this.#address();
    const socket = connect(port, host);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once('connect', () => this.#events.emit('connect'));
    for (const pending of this.#pending.values()) {
      pending.again = this.reconnects > 0;
      socket.write(pending.call);
    }
    const records = new RecordReader(LIMITS);
    socket.on('data', (chunk: Buffer) => {
      records.take(chunk);
      while (records.next()) this.#answer(Buffer.from(records.buffer.bytes.subarray(records.from, records.to)));
      if (records.partial) records.room(); // so that the rest of a large record is put where it will stand
      records.rest();
    });
    socket.once('close', () => records.close());
    socket.on('error', () => {}); // 'close' follows
    socket.once('close', () => void this.#again());
  }

  async #again(): Promise<void> {
    if (this.#closed) return;
    this.reconnects++;
    await sleep(RECONNECT_MS);
    if (!this.#closed) this.#connect();
  }

  #answer(reply: Buffer): void {
    const xid = reply.readUInt32BE(0);
    const pending = this.#pending.get(xid);
    pending?.resolve({ bytes: reply, again: pending.again });
    this.#pending.delete(xid);
  }
}
