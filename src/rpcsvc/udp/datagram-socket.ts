/**
 * A UDP socket whose replies leave from the address that was asked. On a machine with several addresses the kernel
 * chooses the source by the route otherwise, and clients with connected sockets drop such a reply. `node:dgram` cannot
 * say which address a datagram came to (IP_PKTINFO, ip(7)), so this is a socket of our own. A socket for each address
 * would need to follow the machine's addresses, and would miss all of 127.0.0.0/8 but 127.0.0.1.
 */
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ERRNO, FsError } from '../../errno.ts';
import { close, errno } from '../../sys/libc.ts';
import { DATAGRAM_BYTES_MAX, Message } from '../../sys/sockets/socket-message.ts';
import * as sys from '../../sys/sockets/sockets.ts';
import type { Sender } from './datagram.ts';
import { parseIp } from '../../rpc/ip.ts';
import { decodeTaddr, encodeTaddr } from '../../rpc/uaddr.ts';

/** The sender of a datagram and the local address that received it, which the reply needs. */
export interface Origin extends Sender {
  /** The sender's sockaddr. */
  readonly name: Buffer;
  /** A control message with the address that was asked; empty if the kernel did not say. */
  readonly asked: Buffer;
}

export interface DatagramHandlers {
  /** Handles a datagram. `datagram` is valid only until this returns. */
  readonly take: (datagram: Buffer, from: Origin) => void;
  readonly failed: (error: Error) => void;
}

const NOTHING = Buffer.alloc(0);

/** Datagrams that are received in one turn of the event loop. A flood of them thus leaves time for other work. */
const DATAGRAMS_PER_TURN = 64;

// struct cmsghdr, and where the index of the interface is in the two kinds of pktinfo.
const CMSG_HEAD = 16;
const IFINDEX_AT = CMSG_HEAD;
const IFINDEX6_AT = CMSG_HEAD + 16;
/** sin6_scope_id in a struct sockaddr_in6. */
const SCOPE_AT = 24;

// All sockets share these two, since they are in use only within one call.
let incoming: Message | undefined;
let outgoing: Message | undefined;

export class DatagramSocket {
  readonly address: AddressInfo;
  readonly #fd: number;
  readonly #unwatch: sys.Unwatch;
  #closed = false;

  /**
   * Binds to an IP address; `::` takes IPv4 as well.
   * @throws {Error} with `code`, `syscall`, `address` and `port`, as from Node's own sockets
   */
  constructor(host: string, port: number, { take, failed }: DatagramHandlers) {
    const family = familyOf(host);
    this.#fd = sys.socket(family, sys.SOCK_DGRAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw FsError.of(errno(), 'no UDP socket');
    try {
      this.address = bound(this.#fd, family, host, port);
    } catch (error) {
      close(this.#fd);
      throw error;
    }
    this.#unwatch = sys.whenReadable(this.#fd, () => {
      for (let i = 0; i < DATAGRAMS_PER_TURN && !this.#closed; i++) if (!this.#receive(take, failed)) return;
    });
  }

  /** Sends a reply from the address that was asked. Like any datagram it may be lost. */
  send(reply: Uint8Array, { name, asked }: Origin): void {
    if (this.#closed || reply.length > DATAGRAM_BYTES_MAX) return;
    const message = (outgoing ??= new Message());
    message.fill(name, asked, reply);
    if (sys.sendmsg(this.#fd, message.address, sys.MSG_DONTWAIT) >= 0 || asked.length === 0) return;
    // The call was sent to a broadcast or multicast address or to one that was removed. No reply can have that source.
    message.fill(name, NOTHING, reply);
    sys.sendmsg(this.#fd, message.address, sys.MSG_DONTWAIT);
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch();
    close(this.#fd);
  }

  /** Receives one datagram. Returns false if there is nothing more to receive now. */
  #receive(take: DatagramHandlers['take'], failed: DatagramHandlers['failed']): boolean {
    const message = (incoming ??= new Message());
    message.makeRoom();
    const length = sys.recvmsg(this.#fd, message.address, sys.MSG_DONTWAIT);
    if (length < 0) {
      const number = errno();
      if (number !== ERRNO.EAGAIN && number !== ERRNO.EINTR) failed(FsError.of(number, 'recvmsg'));
      return number === ERRNO.EINTR;
    }
    const name = Buffer.from(message.name);
    const from = decodeTaddr(name);
    if (from === undefined) return true;
    const { host: address, port } = from;
    take(message.data(length), { address, port, name, asked: askedAddress(message.control) });
    return true;
  }
}

/** The control message for the reply: the received one without the interface, which the route decides on. */
function askedAddress(control: Buffer): Buffer {
  for (let at = 0; at + CMSG_HEAD <= control.length;) {
    const length = control.readUInt32LE(at);
    const level = control.readInt32LE(at + 8);
    const type = control.readInt32LE(at + 12);
    const padded = (length + 7) & ~7;
    if (length < CMSG_HEAD || at + padded > control.length) break;
    const isV4 = level === sys.IPPROTO_IP && type === sys.IP_PKTINFO;
    if (isV4 || (level === sys.IPPROTO_IPV6 && type === sys.IPV6_PKTINFO)) {
      const asked = Buffer.from(control.subarray(at, at + padded));
      asked.writeUInt32LE(0, isV4 ? IFINDEX_AT : IFINDEX6_AT);
      return asked;
    }
    at += padded;
  }
  return NOTHING;
}

function familyOf(host: string): number {
  const ip = parseIp(host);
  if (ip === undefined) throw new Error(`expected an IP address to listen on, found ${host}`);
  return ip.family === 6 ? sys.AF_INET6 : sys.AF_INET;
}

/** The number of the interface that a link-local address names behind a `%`; 0 without one. */
function scopeOf(host: string): number {
  const [, zone = ''] = host.split('%');
  if (/^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find(one => one.family === 'IPv6' && one.scopeid);
  return found?.family === 'IPv6' ? found.scopeid : 0;
}

function bound(fd: number, family: number, host: string, port: number): AddressInfo {
  const set = (level: number, option: number, value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    if (sys.setsockopt(fd, level, option, bytes, 4) < 0) throw FsError.of(errno(), 'setsockopt of a UDP socket');
  };
  if (family === sys.AF_INET6) {
    set(sys.IPPROTO_IPV6, sys.IPV6_V6ONLY, 0);
    set(sys.IPPROTO_IPV6, sys.IPV6_RECVPKTINFO, 1);
  } else {
    set(sys.IPPROTO_IP, sys.IP_PKTINFO, 1);
  }
  const name = encodeTaddr({ host, port });
  if (family === sys.AF_INET6) name.writeUInt32LE(scopeOf(host), SCOPE_AT);
  if (sys.bind(fd, name, name.length) < 0) {
    const { code } = FsError.of(errno(), 'bind');
    const more = { code, errno: -ERRNO[code], syscall: 'bind', address: host, port };
    throw Object.assign(new Error(`bind ${code} ${host}:${port}`), more);
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(name.length);
  if (sys.getsockname(fd, name, length) < 0) throw FsError.of(errno(), 'getsockname');
  const at = decodeTaddr(name)!;
  return { address: host, family: family === sys.AF_INET6 ? 'IPv6' : 'IPv4', port: at.port };
}
