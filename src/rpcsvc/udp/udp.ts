/** Calls in datagrams, for MOUNT and the portmapper: one call a datagram, and its reply in one. */
import type { AddressInfo } from 'node:net';
import { accept_stat } from '#protocols/rpc.ts';
import type { PeerLogger } from '../../peer-log.ts';
import { within } from '../../within.ts';
import type { Answer } from './datagram.ts';
import { DatagramSocket, type Origin } from './datagram-socket.ts';
import type { ListenAt } from '../listener.ts';

/** The most bytes that an IPv4 datagram carries (65,535 less the headers of IP and UDP). */
const REPLY_BYTES_MAX = 65_507;
/** The length of an accepted reply's header before its accept_stat. */
const STAT_AT = 20;
/** How many datagrams may wait for their answers. Further ones are dropped, and their senders ask again. */
const CALLS_MAX = 256;
/** How many of them one client may have, so that a disk that hangs affects only the clients that use it. */
const CALLS_OF_CLIENT_MAX = 32;
/** Time limit for an answer. By then the client has asked again or has given up. */
const ANSWER_MS = 20_000;

export interface UdpOptions {
  /** The time limit for an answer in milliseconds; 20,000 by default. */
  readonly answerMs?: number;
}

export class UdpListener implements AsyncDisposable {
  readonly #socket: DatagramSocket;
  readonly #answer: Answer;
  readonly #log: PeerLogger;
  readonly #answerMs: number;
  /** How many calls wait for their answers, in all and by the addresses of their clients. */
  #calls = 0;
  readonly #callsOf = new Map<string, number>();

  private constructor({ host, port }: ListenAt, answer: Answer, log: PeerLogger, { answerMs = ANSWER_MS }: UdpOptions) {
    this.#answer = answer;
    this.#log = log;
    this.#answerMs = answerMs;
    this.#socket = new DatagramSocket(host, port, {
      take: (datagram, from) => void this.#take(datagram, from),
      failed: error => log.error({ err: error }, 'UDP listener'),
    });
  }

  /** Begins to listen at an IP address; rejects with the reason if it cannot be bound. */
  static async start(at: ListenAt, answer: Answer, log: PeerLogger, options: UdpOptions = {}): Promise<UdpListener> {
    return new UdpListener(at, answer, log, options);
  }

  get address(): AddressInfo {
    return this.#socket.address;
  }

  /** Closes the socket. Later answers are not sent. Safe to call twice. */
  async close(): Promise<void> {
    this.#socket.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(datagram: Buffer, from: Origin): Promise<void> {
    const { address, port } = from;
    const own = this.#callsOf.get(address) ?? 0;
    if (this.#calls >= CALLS_MAX || own >= CALLS_OF_CLIENT_MAX) return;
    this.#calls++;
    this.#callsOf.set(address, own + 1);
    try {
      const reply = await within(this.#answerMs, this.#answer(Buffer.from(datagram), { address, port }));
      if (reply !== undefined) this.#socket.send(reply.length > REPLY_BYTES_MAX ? tooLarge(reply) : reply, from);
    } catch (error) {
      this.#log.error({ err: error, client: address }, 'datagram');
    } finally {
      this.#ended(address);
    }
  }

  #ended(address: string): void {
    this.#calls--;
    const left = this.#callsOf.get(address)! - 1;
    if (left > 0) this.#callsOf.set(address, left);
    else this.#callsOf.delete(address);
  }
}

/**
 * Makes the answer that replaces a reply which fits no datagram: SYSTEM_ERR, so that the client does not wait and can
 * ask over TCP.
 */
function tooLarge(reply: Uint8Array): Buffer {
  const error = Buffer.from(reply.subarray(0, STAT_AT + 4));
  error.writeUInt32BE(accept_stat.SYSTEM_ERR, STAT_AT);
  return error;
}
