/** Calls in datagrams, for MOUNT and the portmapper: one call a datagram, and its reply in one. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Log } from '../log.ts';
import { plainAddress } from './address.ts';
import type { Answer } from './datagram.ts';
import type { ListenAt } from './listener.ts';

/** What an IPv4 datagram carries at most. */
const REPLY_BYTES_MAX = 65_507;
/** Datagrams whose calls are under way; more are dropped, and asked again by who sent them. */
const CALLS_MAX = 256;

export class UdpListener implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #answer: Answer;
  readonly #log: Log;
  #calls = 0;
  #closed: Promise<void> | undefined;

  private constructor(socket: Socket, answer: Answer, log: Log) {
    this.#socket = socket;
    this.#answer = answer;
    this.#log = log;
  }

  static async start(at: ListenAt, answer: Answer, log: Log): Promise<UdpListener> {
    const socket = createSocket({ type: at.host.includes(':') ? 'udp6' : 'udp4' });
    const listener = new UdpListener(socket, answer, log);
    socket.on('message', (datagram, from) => void listener.#take(datagram, from));
    socket.bind({ address: at.host, port: at.port });
    await once(socket, 'listening'); // or the error why not
    socket.on('error', error => log.error({ err: error }, 'UDP listener'));
    return listener;
  }

  get address(): AddressInfo {
    return this.#socket.address();
  }

  close(): Promise<void> {
    this.#closed ??= new Promise(resolve => {
      this.#socket.close(() => resolve());
    });
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(datagram: Buffer, from: RemoteInfo): Promise<void> {
    if (this.#calls >= CALLS_MAX || this.#closed !== undefined) return;
    const address = plainAddress(from.address);
    this.#calls++;
    try {
      const reply = await this.#answer(datagram, { address, port: from.port });
      if (reply === undefined || this.#closed !== undefined || reply.length > REPLY_BYTES_MAX) return;
      this.#socket.send(reply, from.port, from.address, () => {}); // lost like any other datagram
    } catch (error) {
      this.#log.error({ err: error, client: address }, 'datagram');
    } finally {
      this.#calls--;
    }
  }
}
