/** On whose behalf a fop runs. */

/**
 * A caller's ids in the kernel's sense. Made once per distinct caller by `src/graph/identity.ts`, so two calls of the
 * same caller carry the same object: a brick compares by `===` to see whether it must switch.
 */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** Immutable, and shared by all calls of one caller on one connection. */
export interface Frame {
  readonly identity: Identity;
  /** The client's address, for logs and locks. */
  readonly client: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly lkOwner?: Buffer;
  /** Its listings' cookies must fit 32 bits, not 63. EOVERFLOW where that cannot be. */
  readonly narrowCookies?: boolean;
}
