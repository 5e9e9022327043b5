/** A connection with many calls under way: records out, replies matched by xid. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LAST_FRAGMENT = 0x8000_0000;

interface Waiting {
  resolve(reply: Buffer): void;
  reject(error: Error): void;
}

/** `record` (without its mark) in one fragment. */
export function marked(record: Buffer): Buffer {
  const mark = Buffer.allocUnsafe(4);
  mark.writeUInt32BE((LAST_FRAGMENT | record.length) >>> 0, 0);
  return Buffer.concat([mark, record]);
}

/** The same in fragments that end at `ends`, which may repeat (empty fragments). */
export function fragmented(record: Buffer, ends: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const end of [...ends, record.length]) {
    const mark = Buffer.allocUnsafe(4);
    mark.writeUInt32BE(end - from, 0);
    parts.push(mark, record.subarray(from, end));
    from = end;
  }
  const last = parts.at(-2)!;
  last.writeUInt32BE((LAST_FRAGMENT | last.readUInt32BE(0)) >>> 0, 0);
  return Buffer.concat(parts);
}

export class Line {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #bytes = Buffer.alloc(0);
  #xid = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', chunk => this.#take(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the server closed the connection'));
      this.#waiting.clear();
    });
  }

  static async open(port: number): Promise<Line> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Line(socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends a record, whose first unit becomes the xid, as `framed` has it; answers with the reply behind its xid. */
  call(record: Buffer, framed: (record: Buffer) => Buffer = marked): Promise<Buffer> {
    const xid = this.#xid++;
    record.writeUInt32BE(xid, 0);
    this.#socket.write(framed(record));
    return new Promise((resolve, reject) => this.#waiting.set(xid, { resolve, reject }));
  }

  #take(chunk: Buffer): void {
    let bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (bytes.length >= 4) {
      const length = bytes.readUInt32BE(0) % LAST_FRAGMENT;
      if (bytes.length < 4 + length) break;
      const reply = bytes.subarray(4, 4 + length);
      bytes = bytes.subarray(4 + length);
      const xid = reply.readUInt32BE(0);
      const waiting = this.#waiting.get(xid);
      if (waiting === undefined) throw new Error(`a reply to no call: xid ${xid}`);
      this.#waiting.delete(xid);
      waiting.resolve(reply);
    }
    this.#bytes = Buffer.from(bytes);
  }
}

/** Sends bytes that are no call; resolves when the server has closed the connection, without an answer. */
export async function rude(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  let answered = 0;
  socket.on('data', chunk => (answered += chunk.length));
  socket.setTimeout(10_000, () => socket.destroy(new Error('timeout')));
  const closed = new Promise<boolean>(resolve => {
    socket.once('timeout', () => resolve(false));
    socket.once('close', () => resolve(true));
  });
  await once(socket, 'connect');
  socket.write(bytes);
  if (!(await closed)) throw new Error(`expected the connection to be closed after ${bytes.toString('hex', 0, 40)}`);
  if (answered > 0) throw new Error(`expected no answer, got ${answered} bytes`);
}
