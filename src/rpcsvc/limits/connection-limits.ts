import type { RecordLimits } from '../../rpc/record.ts';

/** The limits of one connection. */
export interface ConnectionLimits extends RecordLimits {
  /**
   * When replies of this many bytes, finished or being made, wait for the peer to read them, no more of its calls are
   * taken.
   */
  readonly unsentBytesMax: number;
  /** The largest reply: a call is taken only if there is room for one. */
  readonly replyBytesMax: number;
  /** How long a connection may be silent that has made a call before. */
  readonly idleMs: number;
  /** How long a connection may be open without having made a call. */
  readonly silentMs: number;
  /** How long a record may take to come. */
  readonly partialMs: number;
  /** How long replies may wait without any progress. */
  readonly sendMs: number;
}
