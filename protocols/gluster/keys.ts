import { padOf, type XdrReader } from '../xdr/stream.ts';

const SLOTS = 512;
const KNOWN_BYTES_MAX = 64;

/** The key that was read last of those with the same hash. Replies have the same few keys over and over. */
const known: (string | undefined)[] = Array<string | undefined>(SLOTS).fill(undefined);

/** A hash of every third byte, which tells the keys of GlusterFS apart. */
function hashOf(bytes: Buffer, at: number, end: number): number {
  let hash = end - at;
  for (let i = at; i < end; i += 3) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  return (hash ^ (hash >>> 9)) & (SLOTS - 1);
}

function isAt(key: string, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < key.length; i++) if (key.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}

/** Reads a key, whose NUL is counted but need not be there. One that is known is compared instead of being made again. */
export function readKey(from: XdrReader, max: number): string {
  const length = from.length(max);
  const at = from.take(length + padOf(length));
  const { buffer } = from;
  const end = length > 0 && buffer[at + length - 1] === 0 ? at + length - 1 : at + length;
  if (end - at > KNOWN_BYTES_MAX) return buffer.toString('latin1', at, end);
  const slot = hashOf(buffer, at, end);
  const last = known[slot];
  if (last !== undefined && last.length === end - at && isAt(last, buffer, at)) return last;
  return (known[slot] = buffer.toString('latin1', at, end));
}
