/** What makes two calls the same one. */

/** Arguments up to here, which is all with names and handles, are in the checksum as a whole, */
const CHECKED_BYTES_MAX = 1024;
/** longer ones with their beginning and their end. */
const HEAD_BYTES = 256;
const TAIL_BYTES = 64;

export interface CallKey {
  readonly client: string;
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly checksum: number;
}

export function sameCall(a: CallKey, b: CallKey): boolean {
  return a.checksum === b.checksum && a.procedure === b.procedure && a.program === b.program && a.version === b.version;
}

/** Of the arguments that stand in `bytes`. Lengths and fields of XDR are whole units of four bytes. */
export function checksumOf(bytes: Buffer, from: number, to: number): number {
  const length = to - from;
  if (length <= CHECKED_BYTES_MAX) return mixed(length, bytes, from, to) >>> 0;
  return mixed(mixed(length, bytes, from, from + HEAD_BYTES), bytes, to - TAIL_BYTES, to) >>> 0;
}

function mixed(hash: number, bytes: Buffer, from: number, to: number): number {
  let at = from;
  for (; at + 4 <= to; at += 4) {
    const unit = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash = Math.imul(hash ^ unit, 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  for (; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193);
  return hash;
}
