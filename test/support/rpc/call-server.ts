/** A server for tests of clients, which sees calls as bytes and answers as it likes. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import type { Test } from 'tap';
import { hex } from '../hex.ts';
import { Records } from './records.ts';
import { mark } from './service.ts';

/** A call as the server receives it. */
export interface Call {
  readonly xid: Buffer;
  readonly proc: number;
  /** What stands behind the header up to the procedure. */
  readonly rest: Buffer;
}

const success = hex('00000001 00000000 00000000 00000000 00000000');
/** The reply to a call that was successful. */
export const answer = ({ xid }: Call, results: Buffer = Buffer.alloc(0)) =>
  mark(Buffer.concat([xid, success, results]));
/** A server, with TLS if that is given, that does with each connection as `take` says. Returns its port. */
export async function socketServer(t: Test, take: (socket: Socket) => void, tls?: TlsOptions): Promise<number> {
  const sockets = new Set<Socket>();
  const onSocket = (socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
    take(socket);
  };
  const server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A server, with TLS if that is given, that does with the calls it receives at a time as `take` says. Returns its port. */
export function callServer(t: Test, take: (socket: Socket, calls: Call[]) => void, tls?: TlsOptions): Promise<number> {
  const onSocket = (socket: Socket) => {
    const records = new Records();
    socket.on('data', chunk => {
      const calls = records.take(chunk).map(record => ({
        xid: record.subarray(0, 4),
        proc: record.readUInt32BE(20),
        rest: record.subarray(24),
      }));
      if (calls.length > 0) take(socket, calls);
    });
  };
  return socketServer(t, onSocket, tls);
}
