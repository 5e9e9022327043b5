/** Universal addresses (RFC 5665, 5.2.3): the host's address, then the port's two bytes, all with dots. */
import { endianness } from 'node:os';
import { bytesOfIp, formatIp, type Ip, ipOfBytes, parseIp } from './ip.ts';

export interface HostPort {
  /** As {@link formatIp} writes it. */
  readonly host: string;
  readonly port: number;
}

/** `10.0.0.1` and 2049 are `10.0.0.1.8.1`; `::` and 111 are `::.0.111`. */
export function encodeUaddr({ host, port }: HostPort): string {
  return `${host}.${port >>> 8}.${port & 255}`;
}

/**
 * Parses a universal address of TCP or UDP; `undefined` for anything else, such as a unix socket's path or an empty
 * string.
 */
export function decodeUaddr(text: string): HostPort | undefined {
  const parts = /^(.*)\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!parts) return undefined;
  const ip = parseIp(parts[1]!);
  const high = Number(parts[2]);
  const low = Number(parts[3]);
  if (!ip || high > 255 || low > 255) return undefined;
  return { host: formatIp(ip), port: high * 256 + low };
}

const AF_INET = 2;
/** Linux's numbers: a "transport address" is the machine's own sockaddr, and of no use on another kind of machine. */
const AF_INET6 = 10;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
/** The offset of the low byte of sa_family on this machine; the high byte is 0. */
const FAMILY_AT = endianness() === 'LE' ? 0 : 1;

/** Makes a sockaddr_in or sockaddr_in6, for UADDR2TADDR. */
export function encodeTaddr({ host, port }: HostPort): Buffer {
  const ip = parseIp(host) as Ip;
  const bytes = Buffer.alloc(ip.family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  bytes[FAMILY_AT] = ip.family === 4 ? AF_INET : AF_INET6;
  bytes.writeUInt16BE(port, 2);
  bytesOfIp(ip).copy(bytes, ip.family === 4 ? 4 : 8);
  return bytes;
}

/** Reads a sockaddr_in or sockaddr_in6; `undefined` for any other. */
export function decodeTaddr(bytes: Buffer): HostPort | undefined {
  if (bytes.length < SOCKADDR_IN_BYTES) return undefined;
  if (bytes[1 - FAMILY_AT] !== 0) return undefined;
  const family = bytes[FAMILY_AT];
  const port = bytes.readUInt16BE(2);
  if (family === AF_INET) return { host: formatIp(ipOfBytes(bytes.subarray(4, 8))), port };
  if (family !== AF_INET6 || bytes.length < SOCKADDR_IN6_BYTES) return undefined;
  return { host: formatIp(ipOfBytes(bytes.subarray(8, 24))), port };
}
