/** IP addresses as numbers, to be compared under a mask. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

export interface Ip {
  readonly family: 4 | 6;
  /** 32 bits each, the highest first: one for IPv4, four for IPv6. */
  readonly words: readonly number[];
}

/**
 * The address that `text` is; `undefined` if it is none. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`, RFC 4291,
 * 2.5.5.2) is the IPv4 address; the zone of a link-local one (`%eth0`) does not count.
 */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return { family: 4, words: [ipv4Word(text)] };
  if (!isIPv6(text)) return undefined;
  const zone = text.indexOf('%');
  return ipOfWords(ipv6Words(zone < 0 ? text : text.slice(0, zone)));
}

/** Reads an address as it stands in a packet: 4 or 16 bytes. */
export function ipOfBytes(bytes: Buffer): Ip {
  const words: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) words.push(bytes.readUInt32BE(at));
  return bytes.length === 4 ? { family: 4, words } : ipOfWords(words);
}

export function bytesOfIp({ words }: Ip): Buffer {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => bytes.writeUInt32BE(word, i * 4));
  return bytes;
}

/** Writes an IPv4 address in dotted form, and an IPv6 address in its shortest form (RFC 5952). */
export function formatIp({ family, words }: Ip): string {
  if (family === 4) return dotted(words[0]!);
  const groups = words.flatMap(word => [(word >>> 16).toString(16), (word & 0xffff).toString(16)]);
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address;
}

/** Whether it is `0.0.0.0` or `::`, which stand for all addresses of a machine. */
export function isWildcard({ words }: Ip): boolean {
  return words.every(word => word === 0);
}

/** Whether it is in 127.0.0.0/8, or is ::1. */
export function isLoopback({ family, words }: Ip): boolean {
  if (family === 4) return words[0]! >>> 24 === 127;
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1;
}

/** The masks of the first `prefix` bits, for as many words as the family has. */
export function maskWords(family: 4 | 6, prefix: number): number[] {
  const masks: number[] = [];
  for (let from = 0; from < (family === 4 ? 32 : 128); from += 32) {
    const bits = Math.min(32, Math.max(0, prefix - from));
    masks.push(bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0);
  }
  return masks;
}

/** Whether two addresses of one family agree in the bits of `masks`. */
export function sameUnder(masks: readonly number[], a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < masks.length; i++) {
    if (((a[i]! ^ b[i]!) & masks[i]!) !== 0) return false;
  }
  return true;
}

function ipOfWords(words: number[]): Ip {
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  return mapped ? { family: 4, words: [words[3]!] } : { family: 6, words };
}

function ipv4Word(text: string): number {
  return text.split('.').reduce((word, part) => word * 256 + Number(part), 0);
}

function dotted(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** `text` is a valid IPv6 address without a zone. */
function ipv6Words(text: string): number[] {
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  let whole = text;
  if (tail.includes('.')) {
    const word = ipv4Word(tail);
    whole = `${text.slice(0, lastColon)}:${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  const [head, rest] = whole.split('::').map(part => (part === '' ? [] : part.split(':')));
  const gap = rest === undefined ? 0 : 8 - head!.length - rest.length;
  const groups = [...head!, ...Array<string>(gap).fill('0'), ...(rest ?? [])].map(group => parseInt(group, 16));
  return [0, 2, 4, 6].map(i => groups[i]! * 0x1_0000 + groups[i + 1]!);
}
