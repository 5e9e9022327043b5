/** A line of the mount table: what one client says that it has mounted. */
export interface MountEntry {
  /** The client's address. */
  readonly host: string;
  /** Absolute, latin1. */
  readonly path: string;
  /** The entry was made by a datagram, whose sender may be forged. */
  readonly overUdp?: boolean;
}
