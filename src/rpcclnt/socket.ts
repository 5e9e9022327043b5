import { randomInt } from 'node:crypto';
import { connect, type OnReadOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { hostPort } from '../rpc/address.ts';
import { setUserTimeout } from '../sys/sockets/tcp-options.ts';
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

interface KeepAlive {
  readonly idleMs: number;
  readonly intervalMs: number;
  readonly probes: number;
}

/** How a connection is made. */
export interface StreamOptions {
  /** With TLS. The connection is made when the handshake is over. */
  readonly tls?: ConnectionOptions;
  /** Which addresses of the host's name are tried; all by default. */
  readonly family?: 4 | 6;
  /** When the kernel looks whether an idle peer is still there, in milliseconds, and how often before it gives up. */
  readonly keepAlive?: KeepAlive | undefined;
  /** The kernel ends the connection when data has not been acknowledged for so long (tcp(7), TCP_USER_TIMEOUT). */
  readonly userTimeoutMs?: number | undefined;
}

interface OpenOptions extends StreamOptions {
  /** Where the socket reads to. */
  readonly onread?: OnReadOpts;
}

/** How long one of several addresses of a host may take before the next one is tried. */
const ADDRESS_MS = 1000;

/** @throws {RpcError} CANNOT_CONNECT, TIMED_OUT, ABORTED */
export async function openStream(
  target: RpcTarget,
  timeoutMs: number,
  signal?: AbortSignal,
  options: OpenOptions = {},
): Promise<Socket> {
  if ('path' in target || !target.reservedPort) return open(target, timeoutMs, signal, options);
  const count = RESERVED.last - RESERVED.first + 1;
  const start = randomInt(count);
  for (let i = 0; i < RESERVED_TRIES; i++) {
    const localPort = RESERVED.first + ((start + i) % count);
    try {
      return await open(target, timeoutMs, signal, options, localPort);
    } catch (error) {
      const code = ((error as RpcError).cause as NodeJS.ErrnoException | undefined)?.code;
      if (code === 'EACCES') break;
      if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL') throw error;
    }
  }
  return open(target, timeoutMs, signal, options);
}

function open(
  target: RpcTarget,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  options: OpenOptions,
  localPort?: number,
): Promise<Socket> {
  const there = targetText(target);
  return new Promise((resolve, reject) => {
    const socket = begin(target, options, localPort);
    const ready = options.tls === undefined ? 'connect' : 'secureConnect';
    const fail = (error: RpcError) => {
      done();
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    const timedOut = () => fail(new RpcError('TIMED_OUT', `${there}: no connection in ${timeoutMs} ms`));
    const timer = setTimeout(timedOut, timeoutMs);
    const abort = () => fail(new RpcError('ABORTED', `${there}: given up`, { cause: signal?.reason }));
    const refused = (cause: Error) => fail(new RpcError('CANNOT_CONNECT', `${there}: ${textOf(cause)}`, { cause }));
    const closed = () => fail(new RpcError('CANNOT_CONNECT', `${there} closed the connection`));
    const connected = () => {
      done();
      resolve(socket);
    };
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.off(ready, connected).off('error', refused).off('close', closed);
    };
    socket.once(ready, connected).once('error', refused).once('close', closed);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}

function begin(target: RpcTarget, options: OpenOptions, localPort: number | undefined): Socket {
  const { tls, family, onread } = options;
  const reading = onread && { onread };
  if ('path' in target) return connect({ path: target.path, ...reading });
  const { host, port } = target;
  const tcp: TcpNetConnectOpts = {
    host,
    port,
    noDelay: true,
    autoSelectFamilyAttemptTimeout: ADDRESS_MS,
    ...(localPort !== undefined && { localPort }),
    ...(family !== undefined && { family }),
    ...reading,
  };
  const socket = tls === undefined ? connect(tcp) : connectTls({ ...tcp, ...tls });
  socket.once('connect', () => tune(socket, options));
  return socket;
}

/** Sets what the kernel does by itself with a TCP connection. It can be changed while the connection is used. */
export function tune(socket: Socket, { keepAlive, userTimeoutMs = 0 }: StreamOptions): void {
  socket.setKeepAlive(keepAlive !== undefined, keepAlive?.idleMs, keepAlive?.intervalMs, keepAlive?.probes);
  setUserTimeout(socket, userTimeoutMs);
}

/**
 * Has each write of the socket encrypted by itself. GlusterFS takes one message from the TLS records that have come, and
 * looks for the next one when more comes: a message that shares its record with the one before would not be answered.
 */
export function writeApart(socket: TLSSocket): void {
  // A stream without it passes its writes on one after the other.
  (socket as { _writev?: unknown })._writev = undefined;
}

/**
 * Whether the peer is on this machine: its address is one of this machine's, since the kernel connects from the address
 * that it connects to, but from 127.0.0.1 to all of 127.0.0.0/8. Unix sockets have none.
 */
export const isLocal = ({ localAddress, remoteAddress }: Pick<Socket, 'localAddress' | 'remoteAddress'>): boolean =>
  localAddress === remoteAddress || remoteAddress?.startsWith('127.') === true;

/** What is wrong; a name with several addresses has an error for each, and none that says it all. */
function textOf(error: Error): string {
  if (!(error instanceof AggregateError)) return error.message;
  return error.errors.map(one => (one as Error).message).join('; ');
}
