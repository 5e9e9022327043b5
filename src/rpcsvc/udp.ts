/** Calls in datagrams, for MOUNT and the portmapper: one call a datagram, and its reply in one. */
import type { AddressInfo } from 'node:net';
import { accept_stat } from '#protocols/rpc.ts';
import type { PeerLogger } from '../peer-log.ts';
import type { Answer } from './datagram.ts';
import { DatagramSocket, type Origin } from './datagram-socket.ts';
import type { ListenAt } from './listener.ts';

/** What an IPv4 datagram carries at most (65,535 bytes less the headers of IP and UDP). */
const REPLY_BYTES_MAX = 65_507;
/** Of a reply's header, what stands before its accept_stat. */
const STAT_AT = 20;
/** Datagrams whose calls are under way; more are dropped, and asked again by who sent them. */
const CALLS_MAX = 256;

export class UdpListener implements AsyncDisposable {
  readonly #socket: DatagramSocket;
  readonly #answer: Answer;
  readonly #log: PeerLogger;
  #calls = 0;

  private constructor({ host, port }: ListenAt, answer: Answer, log: PeerLogger) {
    this.#answer = answer;
    this.#log = log;
    this.#socket = new DatagramSocket(host, port, {
      take: (datagram, from) => void this.#take(datagram, from),
      failed: error => log.error({ err: error }, 'UDP listener'),
    });
  }

  /** Begins to listen at an IP address; rejects with the reason when it cannot be had. */
  static async start(at: ListenAt, answer: Answer, log: PeerLogger): Promise<UdpListener> {
    return new UdpListener(at, answer, log);
  }

  get address(): AddressInfo {
    return this.#socket.address;
  }

  /** Safe to call twice. What is answered later is not sent. */
  async close(): Promise<void> {
    this.#socket.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(datagram: Buffer, from: Origin): Promise<void> {
    if (this.#calls >= CALLS_MAX) return;
    const { address, port } = from;
    this.#calls++;
    try {
      const reply = await this.#answer(Buffer.from(datagram), { address, port });
      if (reply !== undefined) this.#socket.send(reply.length > REPLY_BYTES_MAX ? tooLarge(reply) : reply, from);
    } catch (error) {
      this.#log.error({ err: error, client: address }, 'datagram');
    } finally {
      this.#calls--;
    }
  }
}

/** In place of a reply that fits no datagram: SYSTEM_ERR, so that the client need not wait and can ask over TCP. */
function tooLarge(reply: Uint8Array): Buffer {
  const error = Buffer.from(reply.subarray(0, STAT_AT + 4));
  error.writeUInt32BE(accept_stat.SYSTEM_ERR, STAT_AT);
  return error;
}
