import { randomInt } from 'node:crypto';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { hostPort } from '../rpc/address.ts';
import { RpcError } from './error.ts';

/** A unix socket, or a TCP port. */
export type RpcTarget =
  | { readonly path: string }
  | {
      readonly host: string;
      readonly port: number;
      /** Connect from a port below 1024 if this process may use one: some servers trust only those. */
      readonly reservedPort?: boolean;
    };

export function targetText(target: RpcTarget): string {
  return 'path' in target ? target.path : hostPort(target.host, target.port);
}

/** As rresvport(3): the upper half of the reserved ports. */
const RESERVED = { first: 512, last: 1023 } as const;
const RESERVED_TRIES = 32;

/** @throws {RpcError} CANNOT_CONNECT, TIMED_OUT, ABORTED */
export async function openStream(target: RpcTarget, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  if ('path' in target) return open({ path: target.path }, target, timeoutMs, signal);
  const { host, port, reservedPort } = target;
  if (reservedPort) {
    const count = RESERVED.last - RESERVED.first + 1;
    const start = randomInt(count);
    for (let i = 0; i < RESERVED_TRIES; i++) {
      const localPort = RESERVED.first + ((start + i) % count);
      try {
        return await open({ host, port, localPort }, target, timeoutMs, signal);
      } catch (error) {
        const code = ((error as RpcError).cause as NodeJS.ErrnoException | undefined)?.code;
        if (code === 'EACCES') break;
        if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL') throw error;
      }
    }
  }
  return open({ host, port }, target, timeoutMs, signal);
}

function open(options: NetConnectOpts, target: RpcTarget, timeoutMs: number, signal?: AbortSignal): Promise<Socket> {
  const there = targetText(target);
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options, noDelay: true });
    const fail = (error: RpcError) => {
      done();
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    const timedOut = () => fail(new RpcError('TIMED_OUT', `${there}: no connection in ${timeoutMs} ms`));
    const timer = setTimeout(timedOut, timeoutMs);
    const abort = () => fail(new RpcError('ABORTED', `${there}: given up`, { cause: signal?.reason }));
    const refused = (cause: Error) => fail(new RpcError('CANNOT_CONNECT', `${there}: ${cause.message}`, { cause }));
    const connected = () => {
      done();
      resolve(socket);
    };
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.off('connect', connected).off('error', refused);
    };
    socket.once('connect', connected).once('error', refused);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
