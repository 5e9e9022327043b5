/** The attributes and xdata in the replies of a brick, decoded into the form in which the graph has them. */
import type { Codec } from '#protocols/xdr/codec.ts';
import { plainDict, type TakeBytes } from '#protocols/gluster/dict.ts';
import { gfx_iattx, IATTX_BYTES } from '#protocols/gluster/iatt.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import { GFID_LENGTH } from '../../../graph/gfid.ts';
import type { Xdata } from '../../../graph/fops.ts';

const TWO_32 = 0x1_0000_0000;
/** Linux counts the blocks of a file in these units. */
const BLOCK_BYTES = 512;
const PERMISSIONS = 0o7777;

/** The file types by the bits that st_mode has for them, from the 13th on. */
const TYPES: readonly (FileType | undefined)[] = Object.assign(Array<FileType | undefined>(16).fill(undefined), {
  0o01: FileType.FIFO,
  0o02: FileType.CHR,
  0o04: FileType.DIR,
  0o06: FileType.BLK,
  0o10: FileType.REG,
  0o12: FileType.LNK,
  0o14: FileType.SOCK,
});

/** Gfids and the values of xdata are copied into slabs, each into its own: some of the gfids are kept for longer. */
const SLAB_BYTES = 4096;
/** Longer values have memory of their own. */
const SLAB_VALUE_BYTES_MAX = 256;

let gfids = Buffer.alloc(0);
let gfidWords = new DataView(gfids.buffer);
let gfidsEnd = 0;

/** Copies the gfid at `at` of a record, word by word: a call that copies 16 bytes takes three times as long. */
function gfidAt(record: DataView, at: number): Buffer {
  if (gfidsEnd === gfids.length) {
    gfids = Buffer.alloc(SLAB_BYTES);
    gfidWords = new DataView(gfids.buffer);
    gfidsEnd = 0;
  }
  const begin = gfidsEnd;
  for (let i = 0; i < GFID_LENGTH; i += 4) gfidWords.setUint32(begin + i, record.getUint32(at + i));
  gfidsEnd = begin + GFID_LENGTH;
  return gfids.subarray(begin, gfidsEnd);
}

let values = Buffer.alloc(0);
let valuesEnd = 0;

/** Copies the bytes of a value of xdata. */
const copyValue: TakeBytes = (record, at, end) => {
  const length = end - at;
  if (length > SLAB_VALUE_BYTES_MAX) return Buffer.from(record.subarray(at, end));
  if (length > values.length - valuesEnd) {
    values = Buffer.alloc(SLAB_BYTES);
    valuesEnd = 0;
  }
  const begin = valuesEnd;
  valuesEnd += length;
  for (let i = 0; i < length; i++) values[begin + i] = record[at + i]!;
  return values.subarray(begin, valuesEnd);
};

/** An iatt whose `fsid` is not known yet, since it is not on the wire. See {@link iattOf}. */
export type RemoteIatt = Omit<Iatt, 'fsid'>;

/**
 * Gives an iatt the id of its volume. The object stays the same.
 * @returns `undefined` if the brick knows nothing of the object
 */
export function iattOf(remote: RemoteIatt | undefined, fsid: bigint): Iatt | undefined {
  if (remote !== undefined) (remote as { -readonly [K in keyof Iatt]: Iatt[K] }).fsid = fsid;
  return remote as Iatt | undefined;
}

/**
 * Attributes whose type is none, or which have no gfid, are those of no object, or of one that the brick could not look
 * at: they decode to nothing. The offsets are those of {@link gfx_iattx}.
 */
export const remote_iatt: Codec<RemoteIatt | undefined> = {
  shape: gfx_iattx.shape,
  encode() {
    throw new TypeError('a client sends no iatt of the graph');
  },
  decode(from) {
    const at = from.take(IATTX_BYTES);
    const { view } = from;
    const mode = view.getUint32(at + 144);
    const type = TYPES[mode >>> 12];
    if (type === undefined || isZero(view, at)) return undefined;
    const iatt: Iatt = {
      gfid: gfidAt(view, at),
      type,
      mode: mode & PERMISSIONS,
      nlink: view.getUint32(at + 128),
      uid: view.getUint32(at + 132),
      gid: view.getUint32(at + 136),
      size: view.getUint32(at + 48) * TWO_32 + view.getUint32(at + 52),
      used: (view.getUint32(at + 56) * TWO_32 + view.getUint32(at + 60)) * BLOCK_BYTES,
      rdevMajor: view.getUint32(at + 40),
      rdevMinor: view.getUint32(at + 44),
      fsid: 0n,
      // A brick makes the inode number of the gfid as well, so that all replicas have the same one.
      ino: view.getBigUint64(at + 8),
      atime: view.getInt32(at + 80) * TWO_32 + view.getUint32(at + 84),
      atimeNsec: view.getUint32(at + 112),
      mtime: view.getInt32(at + 88) * TWO_32 + view.getUint32(at + 92),
      mtimeNsec: view.getUint32(at + 116),
      ctime: view.getInt32(at + 96) * TWO_32 + view.getUint32(at + 100),
      ctimeNsec: view.getUint32(at + 120),
    };
    return iatt;
  },
};

/** Whether the gfid at `at` is all zero. */
const isZero = (view: DataView, at: number): boolean =>
  view.getUint32(at) === 0 &&
  view.getUint32(at + 4) === 0 &&
  view.getUint32(at + 8) === 0 &&
  view.getUint32(at + 12) === 0;

const dict = plainDict(copyValue);
/** A dict begins with its length in bytes, a count, and the number of its pairs. */
const EMPTY_DICT_BYTES = 12;
const PAIRS_AT = 8;

/** Xdata whose bytes belong to it alone. An empty dict decodes to nothing, as a null one. */
export const remote_xdata: Codec<Xdata | undefined> = {
  ...dict,
  decode(from) {
    // Nearly every reply, and nearly every entry of a listing, has an empty one.
    if (from.left >= EMPTY_DICT_BYTES && from.view.getUint32(from.at + PAIRS_AT) === 0) {
      from.take(EMPTY_DICT_BYTES);
      return undefined;
    }
    return dict.decode(from);
  },
};
