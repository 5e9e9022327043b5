/** The frame of a fop: the caller on whose behalf it runs. */

import type { Identity } from '../sys/process/identity.ts';

export type { Identity };

/** Immutable, and shared by all calls of one caller on one connection. */
export interface Frame {
  readonly identity: Identity;
  /** The client's address, for logs and locks. */
  readonly client: string;
  /** Aborted when the reply is no longer wanted. */
  readonly signal: AbortSignal;
  /** The owner of the locks that the caller takes: bytes that no other owner at this client has. */
  readonly lkOwner?: Buffer;
  /** The process at the client, which is named as the holder of a lock. */
  readonly pid?: number;
  /** The cookies of listings must fit in 32 bits instead of 63; a brick that cannot do this answers EOVERFLOW. */
  readonly narrowCookies?: boolean;
}
