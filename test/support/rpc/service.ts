/** A real RPC service on a port of its own, and a client that sends and receives bytes. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import { silent } from '#src/log.ts';
import type { Program } from '#src/rpcsvc/actor.ts';
import { AuthRegistry } from '#src/rpcsvc/auth/registry.ts';
import { Clients } from '#src/rpcsvc/limits/client-limits.ts';
import type { Service } from '#src/rpcsvc/service.ts';
import { Listener } from '#src/rpcsvc/listener.ts';
import { ProgramRegistry } from '#src/rpcsvc/registry.ts';
import type { ReplyCache } from '#src/rpcsvc/duplicates/reply-cache.ts';
import type { ClientLimits } from '#src/rpcsvc/limits/client-limits.ts';
import type { ConnectionLimits } from '#src/rpcsvc/limits/connection-limits.ts';
import { Stage } from '#src/rpcsvc/stage.ts';
import '../spoil.ts';

export const LIMITS: ConnectionLimits & ClientLimits = {
  recordBytesMax: 2 * 1024 * 1024,
  fragmentsMax: 64,
  unsentBytesMax: 4 * 1024 * 1024,
  replyBytesMax: 1024 * 1024 + 64 * 1024,
  idleMs: 60_000,
  silentMs: 60_000,
  partialMs: 60_000,
  sendMs: 60_000,
  callsMax: 64,
  callsTotal: 1024,
  receivedBytesTotal: 32 * 1024 * 1024,
  replyBytesTotal: 32 * 1024 * 1024,
};

/** A connection that sends and receives records. */
export class RecordClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  readonly #waiting: { resolve(reply: Buffer): void; reject(error: Error): void }[] = [];
  readonly closed: Promise<void>;

  constructor(port: number, host = '127.0.0.1') {
    this.socket = connect(port, host);
    this.socket.on('error', () => {});
    this.socket.on('data', chunk => this.#take(chunk));
    this.closed = new Promise(resolve => {
      this.socket.once('close', () => {
        for (const one of this.#waiting.splice(0)) one.reject(new Error('the server closed the connection'));
        resolve();
      });
    });
  }

  /** The next reply, without its record mark. */
  reply(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#take(Buffer.alloc(0));
    });
  }

  /** Sends one record in one fragment and waits for the next reply. */
  exchange(record: Buffer): Promise<Buffer> {
    this.socket.write(mark(record));
    return this.reply();
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#waiting.length > 0 && this.#bytes.length >= 4) {
      const length = this.#bytes.readUInt32BE() & 0x7fff_ffff;
      if (this.#bytes.length < 4 + length) return;
      this.#waiting.shift()!.resolve(this.#bytes.subarray(4, 4 + length));
      this.#bytes = this.#bytes.subarray(4 + length);
    }
  }
}

/** A record with the mark of its only or last fragment, or of an earlier one (RFC 5531, 11). */
export function mark(record: Buffer, last = true): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE((last ? 0x8000_0000 : 0) + record.length);
  return Buffer.concat([head, record]);
}

export interface ServedPrograms {
  readonly port: number;
  readonly stage: Stage;
  readonly clients: Clients;
  readonly service: Service;
  readonly connect: () => RecordClient;
  /** Sends a call on a connection kept for this, and waits for the next reply. */
  readonly exchange: (record: Buffer) => Promise<Buffer>;
}

/** Serves `programs` until the test ends. */
export async function servePrograms(
  t: Test,
  programs: Iterable<Program>,
  limits = LIMITS,
  replies?: ReplyCache,
): Promise<ServedPrograms> {
  const service: Service = {
    programs: new ProgramRegistry(programs),
    auth: new AuthRegistry(),
    log: silent,
    ...(replies && { replies }),
  };
  const clients = new Clients(limits);
  const stage = new Stage(service, clients, limits);
  const listener = await Listener.start({ host: '127.0.0.1', port: 0 }, fd => stage.accept(fd), silent);
  const opened: RecordClient[] = [];
  t.teardown(async () => {
    for (const { socket } of opened) socket.destroy();
    await listener.close();
    await stage.stop(2000);
  });
  const { port } = listener.address;
  const open = () => {
    const client = new RecordClient(port);
    opened.push(client);
    return client;
  };
  let kept: RecordClient | undefined;
  return {
    port,
    stage,
    clients,
    service,
    connect: open,
    async exchange(record) {
      if (kept === undefined || kept.socket.destroyed) {
        kept = open();
        await once(kept.socket, 'connect');
      }
      return kept.exchange(record);
    },
  };
}
