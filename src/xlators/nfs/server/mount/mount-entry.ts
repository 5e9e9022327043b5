/** A line of the mount table: what one client says that it has mounted. */
export interface MountEntry {
  /** The client's address. */
  readonly host: string;
  /** Absolute, latin1. */
  readonly path: string;
  /** Whether the entry was made over UDP, where the sender's address may be forged. */
  readonly overUdp?: boolean;
}
