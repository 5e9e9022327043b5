/** The extended attributes by which a dispersed volume keeps account of its objects. */
import type { Xdata } from '../../../graph/fops.ts';
import type { Pair } from './lock/events.ts';

/** How the fragments were made: 8 bytes. */
export const CONFIG = 'trusted.ec.config';
/** The size of the file: 64 bits, big-endian, as all numbers here. */
export const SIZE = 'trusted.ec.size';
/** How often data and metadata have changed: two numbers of 64 bits. */
export const VERSION = 'trusted.ec.version';
/** Changes that are under way, or that some brick has missed: two numbers of 64 bits, of data and of metadata. */
export const DIRTY = 'trusted.ec.dirty';
const OURS = 'trusted.ec.';
/** What a brick answers with the attributes of an object to say how many hold or await a lock in a domain. */
export const DOMAIN_LOCKS = 'glusterfs.inodelk-dom-count';
export const LOCKS = 'glusterfs.inodelk-count';
/** Asks for the content of a small file, of which a brick has a fragment only. */
const CONTENT = 'glusterfs.content';

/** The self-heal daemon sets this bit of the data version of a brick while it makes its fragment anew. */
const HEALING = 1n << 62n;

export const isOurs = (key: string): boolean => key.startsWith(OURS);

export function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}

export function pairBytes([data, metadata]: Pair): Buffer {
  return Buffer.concat([numberBytes(data), numberBytes(metadata)]);
}

/** The size in the answer of a brick. Undefined if there is none, or none that a file can have. */
export function sizeIn(values: ReadonlyMap<string, unknown> | undefined): number | undefined {
  const value = values?.get(SIZE);
  if (!Buffer.isBuffer(value) || value.length !== 8) return undefined;
  const size = Number(value.readBigUInt64BE());
  return Number.isSafeInteger(size) ? size : undefined;
}

/** The version in the answer of a brick, as hexadecimal digits; an object that has none has never changed. */
export function versionIn(values: ReadonlyMap<string, unknown> | undefined): string {
  const value = values?.get(VERSION);
  return Buffer.isBuffer(value) && value.length === 16 ? value.toString('hex') : '0'.repeat(32);
}

/** Whether the brick is being healed, by its version. */
export const isHealing = (version: string): boolean => (BigInt(`0x${version.slice(0, 16)}`) & HEALING) !== 0n;

/** Whether an object is marked: it is being changed, so that its size may not be on the bricks yet, or is to be healed. */
export function isDirty(values: ReadonlyMap<string, unknown> | undefined): boolean {
  const value = values?.get(DIRTY);
  return Buffer.isBuffer(value) && value.some(byte => byte !== 0);
}

/** The config of files with `n` bricks, of which `k` are enough. */
export function configBytes(n: number, k: number, chunk: number): Buffer {
  return Buffer.of(0, 0, 8, n, n - k, chunk >> 16, (chunk >> 8) & 0xff, chunk & 0xff);
}

/** What was asked by those above, with more keys. */
export function asking(xdata: Xdata | undefined, more: Iterable<readonly [string, number | string | Buffer]>): Xdata {
  const asked = new Map(xdata);
  asked.delete(CONTENT);
  for (const [key, value] of more) asked.set(key, value);
  return asked;
}

/** The answer for those above: without what this layer asked for. Undefined if nothing is left. */
export function answered(xdata: Xdata | undefined, asked: Xdata | undefined): Xdata | undefined {
  if (xdata === undefined) return undefined;
  const left = [...xdata].filter(([key]) => !isOurs(key) && (key !== LOCKS || asked?.has(LOCKS) === true));
  return left.length > 0 || asked !== undefined ? new Map(left) : undefined;
}
