/** The frame of a fop: the caller on whose behalf it runs. */

import type { Identity } from '../sys/process/identity.ts';

export type { Identity };

/** The times that a fop sets, which replicas must not each take from a clock of their own. */
export interface FopTimes {
  /** Which times are set: the bits of GlusterFS's credentials. 1 ctime, 2 mtime, 4 atime, and the same of the parent: 8, 16, 32. */
  readonly flags: number;
  /** Seconds since 1970. */
  readonly sec: number;
  readonly nsec: number;
}

/** Immutable, and shared by all calls of one caller on one connection. */
export interface Frame {
  readonly identity: Identity;
  /** The client's address, for logs and locks. */
  readonly client: string;
  /** Aborted when the reply is no longer wanted. */
  readonly signal: AbortSignal;
  /** The owner of the locks that the caller takes: bytes that no other owner at this client has. */
  readonly lkOwner?: Buffer;
  /**
   * The process at the client, which is named as the holder of a lock. Absent for NFS, whose
   * callers may truncate their own files whatever the mode says.
   */
  readonly pid?: number;
  /**
   * The fop is a layer's own (`own-frame.ts`) and not its caller's: a GlusterFS brick that squashes root does not squash
   * it.
   */
  readonly internal?: boolean;
  /**
   * Nothing waits for the answer, so that a call to a brick may wait for the next one to be sent with it, for some milliseconds
   * (`Xlator.hurry`).
   */
  readonly unhurried?: boolean;
  /** Set by features/utime. Absent: the brick's own times hold. */
  readonly times?: FopTimes;
  /** The cookies of listings must fit in 32 bits instead of 63; a brick that cannot do this answers EOVERFLOW. */
  readonly narrowCookies?: boolean;
}
