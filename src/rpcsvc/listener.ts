/** Accepts TCP connections and passes on their bare descriptors, so that any stage can take them over. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { PeerLogger } from '../peer-log.ts';
import { duplicate } from '../sys/files/duplicate.ts';
import { plainAddress } from '../rpc/address.ts';

export interface Accepted {
  /** The descriptor. The receiver of this object must close it. */
  readonly fd: number;
  readonly address: string;
  readonly port: number;
}

export interface ListenAt {
  /** An IPv4 or IPv6 address; `::` takes both kinds. */
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

/** Decides which connections are accepted. */
export interface Gate {
  admits(address: string): boolean;
  /** Called when an accepted connection could not be passed on. */
  failed(address: string): void;
}

/** Returns the accepted socket's descriptor, for which Node has no public name. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

export class Listener implements AsyncDisposable {
  /** Where it listens or, once it is closed, has listened. */
  readonly address: AddressInfo;
  readonly #server: Server;
  #closed: Promise<unknown> | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.address = server.address() as AddressInfo;
  }

  /**
   * Begins to listen; rejects with the reason if the address cannot be bound. A connection that `gate` does not admit
   * is closed before any resources are spent on it.
   */
  static async start(
    at: ListenAt,
    take: (accepted: Accepted) => void,
    log: PeerLogger,
    gate?: Gate,
  ): Promise<Listener> {
    const server = createServer({ pauseOnConnect: true }, socket => {
      const { remoteAddress, remotePort } = socket;
      let admitted: string | undefined;
      try {
        // The peer has gone already, or no descriptor is left: it sees its connection closed, and connects again.
        if (remoteAddress === undefined || remotePort === undefined) return;
        const address = plainAddress(remoteAddress);
        if (gate?.admits(address) === false) return;
        admitted = address;
        take({ fd: duplicate(descriptorOf(socket)), address, port: remotePort });
      } catch (error) {
        if (admitted !== undefined) gate?.failed(admitted);
        log.warn({ err: error, client: remoteAddress }, 'connection refused');
      } finally {
        socket.destroy();
      }
    });
    server.listen({ host: at.host, port: at.port, backlog: 1024 });
    await once(server, 'listening'); // rejects with the error if it cannot listen
    server.on('error', error => log.error({ err: error }, 'listener'));
    return new Listener(server);
  }

  close(): Promise<unknown> {
    this.#closed ??= new Promise(resolve => this.#server.close(resolve));
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
