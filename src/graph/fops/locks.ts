export type LockType = 'read' | 'write' | 'unlock';

/** A byte-range lock (fcntl(2)). Bigints, since ranges are compared to the bit and may be any of 64 bits. */
export interface Flock {
  readonly type: LockType;
  readonly start: bigint;
  /** 0n: to the end of the file, however far that moves. */
  readonly length: bigint;
  /** In an answer: the process that holds the lock, as its frame named it. */
  readonly pid?: number | undefined;
  /** In an answer: the owner of the lock, as its frame named it. */
  readonly owner?: Buffer | undefined;
}
