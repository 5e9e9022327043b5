/** Decides whether two calls are the same, as far as that can be told cheaply. */
import { randomBytes } from 'node:crypto';
import type { Credentials } from '../auth/scheme.ts';

/**
 * Arguments up to this length are always summed as a whole. Longer ones cost more to sum than to carry out (a WRITE of
 * 1 MiB: 0.4 ms of 0.7), so those of an actor that can tell a repeat by itself are summed at both ends only.
 */
const SUMMED_BYTES_MAX = 1024;
const HEAD_BYTES = 256;
const TAIL_BYTES = 64;

export interface CallKey {
  readonly client: string;
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** The credentials, as {@link callerOf} writes them. */
  readonly caller: string;
  /** Bytes of the arguments. */
  readonly length: number;
  readonly checksum: number;
}

/** Calls with equal keys are equal, except for argument bytes that the checksum does not cover. */
export function sameCall(a: CallKey, b: CallKey): boolean {
  if (a.checksum !== b.checksum || a.length !== b.length || a.procedure !== b.procedure) return false;
  return a.program === b.program && a.version === b.version && a.caller === b.caller;
}

/**
 * All parts of the credentials that a reply may depend on. They are kept exactly and not hashed, since a caller could
 * choose its groups so that hashes collide. The stamp and the machine name of AUTH_SYS are left out, since a client may
 * change them between two tries.
 */
export function callerOf({ flavor, uid, gid, groups }: Credentials): string {
  return `${flavor}:${uid}:${gid}:${groups.join()}`;
}

/** Whether {@link checksumOf} covers all of `length` bytes of arguments. */
export function isSummedWhole(length: number, endsSuffice: boolean): boolean {
  return !endsSuffice || length <= SUMMED_BYTES_MAX;
}

// Seeded, so that a client cannot compute different arguments with the same sum. This does not protect the replies of
// other callers (the caller is in the key); it keeps an honest client's calls apart from those of a hostile client behind
// the same address.
const seeds = randomBytes(16);
const seed = (at: number) => seeds.readInt32LE(at) | 1;
const [A, B, C, D] = [seed(0), seed(4), seed(8), seed(12)] as const;

/** The checksum of the arguments in `bytes` from `from` to `to`. It covers all of them, or both ends of long ones. */
export function checksumOf(bytes: Buffer, from: number, to: number, endsSuffice = false): number {
  const length = to - from;
  if (isSummedWhole(length, endsSuffice)) return mixed(length, bytes, from, to);
  return mixed(mixed(length, bytes, from, from + HEAD_BYTES), bytes, to - TAIL_BYTES, to);
}

/** Sums in four lanes, so that the processor need not wait for one multiplication before it begins the next. */
function mixed(start: number, bytes: Buffer, from: number, to: number): number {
  const view = viewOf(bytes);
  const base = bytes.byteOffset;
  let [a, b, c, d] = [start ^ A, start ^ B, start ^ C, start ^ D];
  let at = base + from;
  const end = base + to;
  for (; at + 16 <= end; at += 16) {
    a = Math.imul(a ^ view.getInt32(at), 0x9e37_79b1);
    a ^= a >>> 15;
    b = Math.imul(b ^ view.getInt32(at + 4), 0x85eb_ca77);
    b ^= b >>> 13;
    c = Math.imul(c ^ view.getInt32(at + 8), 0xc2b2_ae3d);
    c ^= c >>> 16;
    d = Math.imul(d ^ view.getInt32(at + 12), 0x27d4_eb2f);
    d ^= d >>> 14;
  }
  for (; at + 4 <= end; at += 4) {
    a = Math.imul(a ^ view.getInt32(at), 0x9e37_79b1);
    a ^= a >>> 15;
  }
  for (; at < end; at++) a = Math.imul(a ^ view.getUint8(at), 0x0100_0193);
  for (const lane of [b, c, d]) {
    a = Math.imul(a ^ lane, 0x9e37_79b1);
    a ^= a >>> 15;
  }
  return a;
}

let viewed: { readonly of: ArrayBufferLike; readonly view: DataView } | undefined;

/** Records of one connection stand in the same buffer, one after the other. */
function viewOf({ buffer }: Buffer): DataView {
  if (viewed?.of !== buffer) viewed = { of: buffer, view: new DataView(buffer) };
  return viewed.view;
}

/**
 * Scatters an xid for use in a hash table: one number for each xid, such that a client that chooses its xids cannot
 * choose their buckets (V8 hashes small integers without a seed).
 */
export function scattered(xid: number): number {
  let place = Math.imul(xid ^ B, A);
  place ^= place >>> 15;
  place = Math.imul(place ^ D, C);
  return place ^ (place >>> 16);
}
