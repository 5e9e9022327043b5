/** Calls in datagrams, for MOUNT and the portmapper: one call a datagram, and its reply in one. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { XdrError, XdrReader, XdrWriter } from '#protocols/xdr/stream.ts';
import type { Peer } from './actor.ts';
import { plainAddress } from './address.ts';
import { dispatch, type Service } from './dispatch.ts';
import type { ListenAt } from './listener.ts';
import type { LastAuth, Transport } from './transport.ts';

/** What an IPv4 datagram carries at most. */
const REPLY_BYTES_MAX = 65_507;
/** Datagrams whose calls are under way; more are dropped, and asked again by who sent them. */
const CALLS_MAX = 256;

export class UdpListener implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #service: Service;
  readonly #abort = new AbortController();
  #calls = 0;
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket, service: Service) {
    this.#socket = socket;
    this.#service = service;
  }

  static async start(at: ListenAt, service: Service): Promise<UdpListener> {
    const socket = createSocket({ type: at.host.includes(':') ? 'udp6' : 'udp4' });
    const listener = new UdpListener(socket, service);
    socket.on('message', (datagram, from) => listener.#take(datagram, from));
    socket.bind({ address: at.host, port: at.port });
    await once(socket, 'listening'); // or the error why not
    socket.on('error', error => service.log.error({ err: error }, 'UDP listener'));
    return listener;
  }

  get address(): AddressInfo {
    return this.#socket.address();
  }

  close(): Promise<void> {
    this.#closed ??= new Promise(resolve => {
      this.#abort.abort();
      this.#socket.close(() => resolve());
    });
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #take(datagram: Buffer, from: RemoteInfo): void {
    if (this.#calls >= CALLS_MAX || this.#closed !== undefined) return;
    const address = plainAddress(from.address);
    const peer: Peer = { address, port: from.port, transport: 'udp', signal: this.#abort.signal };
    try {
      dispatch(this.#service, this.#transport(peer, from), new XdrReader(datagram));
    } catch (error) {
      // What is no call gets no answer: an answer would serve who forged the sender's address.
      if (!(error instanceof XdrError)) this.#service.log.error({ err: error, client: address }, 'datagram');
    }
  }

  #transport(peer: Peer, to: RemoteInfo): Transport {
    const lastAuth: LastAuth | undefined = undefined;
    return {
      peer,
      lastAuth,
      began: () => void this.#calls++,
      ended: () => void this.#calls--,
      reply: (write, sent) => {
        const out = new XdrWriter();
        write(out);
        const bytes = out.toBuffer();
        for (const then of sent ?? []) then();
        if (this.#closed !== undefined || bytes.length > REPLY_BYTES_MAX) return;
        this.#socket.send(bytes, to.port, to.address, () => {}); // lost like any other datagram
      },
    };
  }
}
