/** How a sharded file lies in a volume: in the file itself and in further files, its blocks, of one size. */
import { gfidText } from '../../../graph/gfid.ts';
import { FsError } from '../../../errno.ts';
import type { Xdata } from '../../../graph/fops.ts';

/** The size of the blocks of a file: 8 bytes. A file without it is not sharded. */
export const BLOCK_SIZE_KEY = 'trusted.glusterfs.shard.block-size';
/** The size of a file and what it occupies, as {@link sizeValue} makes it. */
export const FILE_SIZE_KEY = 'trusted.glusterfs.shard.file-size';

const FILE_SIZE_BYTES = 32;
/** A smaller block size is none that GlusterFS gives, and would make a call of very many. */
const BLOCK_SIZE_MIN = 512;
/** What the second number of a file's size counts. */
export const SECTOR = 512;

/** The directory of all blocks but the first ones, and within it that of what is to be deleted. */
export const SHARD_DIR = { name: '.shard', gfid: Buffer.from('be318638e8a04c6d977d7a937aa84806', 'hex') };
export const REMOVE_ME_DIR = { name: '.remove_me', gfid: Buffer.from('77dd5a45dbf54592b31bb440382302e9', 'hex') };

/** A part of a range of a file, all of it in one block. */
export interface Span {
  readonly block: number;
  /** Where it begins in the block. */
  readonly at: number;
  readonly length: number;
  /** Where it begins in the range. */
  readonly from: number;
}

/** The parts of a range, one for each block. */
export function spansOf(offset: number, length: number, blockSize: number): Span[] {
  const spans: Span[] = [];
  for (let from = 0; from < length;) {
    const block = Math.floor((offset + from) / blockSize);
    const at = offset + from - block * blockSize;
    const part = Math.min(length - from, blockSize - at);
    spans.push({ block, at, length: part, from });
    from += part;
  }
  return spans;
}

/** How many blocks a file of this size has; the first one is always there. */
export const blocksOf = (size: number, blockSize: number): number => Math.max(1, Math.ceil(size / blockSize));

/** A file's size in bytes, and what it occupies in sectors. As an argument of xattrop, by how much they change. */
export function sizeValue(bytes: number, sectors: number): Buffer {
  const value = Buffer.alloc(FILE_SIZE_BYTES);
  value.writeBigInt64BE(BigInt(bytes), 0);
  value.writeBigInt64BE(BigInt(sectors), 16);
  return value;
}

export function blockSizeValue(blockSize: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigUInt64BE(BigInt(blockSize));
  return value;
}

export interface ShardedSize {
  readonly blockSize: number;
  readonly bytes: number;
  readonly sectors: number;
}

/**
 * Reads the size from the extended attributes of a file; `undefined` if it is not sharded.
 * @throws {FsError} EIO: they are not those of a sharded file
 */
export function sizeOf(xattrs: Xdata | undefined): ShardedSize | undefined {
  const blockSize = xattrs?.get(BLOCK_SIZE_KEY);
  if (blockSize === undefined) return undefined;
  const size = xattrs!.get(FILE_SIZE_KEY);
  if (!Buffer.isBuffer(blockSize) || blockSize.length !== 8) throw new FsError('EIO', 'a block size of no 8 bytes');
  const sharded = { blockSize: safe(blockSize.readBigInt64BE()), ...bytesOf(size) };
  if (sharded.blockSize < BLOCK_SIZE_MIN) throw new FsError('EIO', `a block size of ${sharded.blockSize}`);
  return sharded;
}

/** Reads what {@link sizeValue} makes. */
export function bytesOf(value: unknown): { readonly bytes: number; readonly sectors: number } {
  if (!Buffer.isBuffer(value) || value.length < FILE_SIZE_BYTES)
    throw new FsError('EIO', 'a sharded file without a size');
  return { bytes: Math.max(0, safe(value.readBigInt64BE(0))), sectors: Math.max(0, safe(value.readBigInt64BE(16))) };
}

function safe(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new FsError('EIO', `a size of ${value} bytes`);
  return number;
}

/** The name of a block other than the first one. */
export const blockName = (gfid: Buffer, block: number): string => `${gfidText(gfid)}.${block}`;

/** The words that ask for a file's size, beside those that are asked already. */
export function asking(xdata: Xdata | undefined): Xdata {
  return xdata === undefined ? ASK : new Map([...xdata, ...ASK]);
}

/** What a brick has answered without what was asked by {@link asking} only. */
export function answered<A extends { readonly xdata?: Xdata }>(answer: A, asked: Xdata | undefined): A {
  const { xdata, ...others } = answer;
  if (!xdata?.has(BLOCK_SIZE_KEY) && !(asked === undefined && xdata?.size === 0)) return answer;
  if (asked === undefined) return others as A;
  const isOwn = (key: string) => (key === BLOCK_SIZE_KEY || key === FILE_SIZE_KEY) && !asked.has(key);
  return { ...others, xdata: new Map([...xdata!].filter(([key]) => !isOwn(key))) } as unknown as A;
}

const ASK: Xdata = new Map([
  [BLOCK_SIZE_KEY, 0],
  [FILE_SIZE_KEY, FILE_SIZE_BYTES],
]);
