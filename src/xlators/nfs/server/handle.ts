/**
 * File handles. A client keeps them, and they stay valid when the server is restarted or upgraded and when the object
 * is renamed.
 *
 *     byte 0      version, 1
 *     byte 1      bytes of the brick's hint, 0 to 24
 *     bytes 2-3   export within the volume, 0 for the whole
 *     bytes 4-7   volume: the first bytes of a hash of its name or id and of the tree that it serves
 *     bytes 8-23  gfid
 *     then        the hint
 *     last 8      SipHash-2-4 of all bytes before, under the secret key of this server
 *
 * 32 bytes without a hint (what MOUNT version 1 can carry), 56 at most (what VMware takes).
 */
import { HINT_MAX } from '../../../graph/iatt.ts';
import { keptBytes } from '../../../kept-bytes.ts';
import { SipHash } from './siphash.ts';

const VERSION = 1;
const FIXED_BYTES = 24;
const MAC_BYTES = 8;
const NO_HINT = Buffer.alloc(0);

export const HANDLE_BYTES_MAX = FIXED_BYTES + HINT_MAX + MAC_BYTES;

/** The parts of a handle. The buffers are views into it. */
export interface HandleParts {
  readonly exportId: number;
  readonly volumeKey: number;
  readonly gfid: Buffer;
  readonly hint: Buffer | undefined;
}

/** Whether a handle that this server has made is for that volume and export. */
export const isHandleIn = (handle: Buffer, volumeKey: number, exportId: number): boolean =>
  handle[3] === (exportId & 0xff) && handle[2] === exportId >>> 8 && handle.readUInt32BE(4) === volumeKey;

export class Handles {
  readonly #mac: SipHash;

  /** `key` is 16 secret bytes. */
  constructor(key: Buffer) {
    this.#mac = new SipHash(key);
  }

  encode(volumeKey: number, exportId: number, gfid: Buffer, hint: Buffer = NO_HINT): Buffer {
    const end = FIXED_BYTES + hint.length;
    const handle = keptBytes(end + MAC_BYTES);
    handle[0] = VERSION;
    handle[1] = hint.length;
    handle[2] = exportId >>> 8;
    handle[3] = exportId;
    handle[4] = volumeKey >>> 24;
    handle[5] = volumeKey >>> 16;
    handle[6] = volumeKey >>> 8;
    handle[7] = volumeKey;
    for (let i = 0; i < 16; i++) handle[8 + i] = gfid[i]!;
    for (let i = 0; i < hint.length; i++) handle[FIXED_BYTES + i] = hint[i]!;
    this.#mac.sign(handle, end, handle, end);
    return handle;
  }

  /**
   * Returns the parts of a handle; `undefined` if this server has not made it: if it is forged, cut, or another
   * server's.
   */
  decode(handle: Buffer): HandleParts | undefined {
    const end = handle.length - MAC_BYTES;
    if (end < FIXED_BYTES || end > FIXED_BYTES + HINT_MAX) return undefined;
    if (handle[0] !== VERSION || handle[1] !== end - FIXED_BYTES || !this.#mac.verify(handle, end)) return undefined;
    return {
      exportId: handle.readUInt16BE(2),
      volumeKey: handle.readUInt32BE(4),
      gfid: handle.subarray(8, FIXED_BYTES),
      hint: end === FIXED_BYTES ? undefined : handle.subarray(FIXED_BYTES, end),
    };
  }
}
