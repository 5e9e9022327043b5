/** What the callers of fops give, beside inodes, fds and names. */

import type { Time } from '../../sys/files/attributes.ts';

export type { Time };

/** The attributes to set; absent ones stay as they are. `'now'` is the time of the server's clock. */
export interface SetAttr {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Time | 'now';
  mtime?: Time | 'now';
}

/** The attributes of a new object. */
export interface NewAttr extends SetAttr {
  /**
   * The gfid that the object is to have: 16 random bytes, the same for all its replicas. ENODATA (as
   * GlusterFS's bricks say it) if another object has it, EINVAL if it cannot be a gfid, EOPNOTSUPP if the brick's gfids are its own (see `XlatorClass.namesItself`).
   */
  gfid?: Buffer;
}

/**
 * How a file is created (RFC 1813, 3.3.8). If the file exists, `unchecked` sets only its size; any other existing
 * object is answered unchanged, as with knfsd. `exclusive` stores `verifier` (8 bytes), so that a repetition of the
 * call succeeds.
 */
export type CreateHow =
  | { readonly mode: 'unchecked'; readonly attr: NewAttr }
  | { readonly mode: 'guarded'; readonly attr: NewAttr }
  | { readonly mode: 'exclusive'; readonly verifier: Buffer; readonly gfid?: Buffer };

/** The flags of a rename (renameat2(2)); any others are EINVAL. */
export const RenameFlag = { NOREPLACE: 1, EXCHANGE: 2 } as const;

/** The numbers of a device. */
export interface Device {
  readonly major: number;
  readonly minor: number;
}

/** The bits of the mask of access(2). */
export const Access = { READ: 4, WRITE: 2, EXECUTE: 1 } as const;

/** How durable a write must be when it is answered (RFC 1813, 3.3.7). */
export const Stable = { UNSTABLE: 0, DATA_SYNC: 1, FILE_SYNC: 2 } as const;
export type Stable = (typeof Stable)[keyof typeof Stable];

/** The values of extended attributes by their latin1 names. */
export type Xattrs = ReadonlyMap<string, Buffer>;
