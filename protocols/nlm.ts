/** NLM version 4, the lock manager that goes with NFS version 3 (RFC 1813, appendix II; X/Open XNFS, chapter 14). */
import { bool, enumOf, type Infer, int32, nothing, opaque, string, struct, uint64, union } from './xdr/codec.ts';

export const NLM_PROG = 100021;
export const NLM4_VERS = 4;

export const LM_MAXSTRLEN = 1024;
export const LM_MAXNAMELEN = LM_MAXSTRLEN + 1;
export const MAXNETOBJ_SZ = 1024;

export const NLMPROC4 = {
  NULL: 0,
  TEST: 1,
  LOCK: 2,
  CANCEL: 3,
  UNLOCK: 4,
  GRANTED: 5,
  TEST_MSG: 6,
  LOCK_MSG: 7,
  CANCEL_MSG: 8,
  UNLOCK_MSG: 9,
  GRANTED_MSG: 10,
  TEST_RES: 11,
  LOCK_RES: 12,
  CANCEL_RES: 13,
  UNLOCK_RES: 14,
  GRANTED_RES: 15,
  SHARE: 20,
  UNSHARE: 21,
  NM_LOCK: 22,
  FREE_ALL: 23,
} as const;
export type NLMPROC4 = (typeof NLMPROC4)[keyof typeof NLMPROC4];

/** RFC 1813, 6.1.4. */
export const NLM4 = {
  GRANTED: 0,
  DENIED: 1,
  DENIED_NOLOCKS: 2,
  BLOCKED: 3,
  DENIED_GRACE_PERIOD: 4,
  DEADLCK: 5,
  ROFS: 6,
  STALE_FH: 7,
  FBIG: 8,
  FAILED: 9,
} as const;
export const nlm4_stats = enumOf(NLM4);
export type nlm4_stats = Infer<typeof nlm4_stats>;

/** What a share denies to others: nothing, reading, writing, or both. */
export const FSM = { DN: 0, DR: 1, DW: 2, DRW: 3 } as const;
export const fsh4_mode = enumOf(FSM);
export type fsh4_mode = Infer<typeof fsh4_mode>;

/** What a share allows its owner to do: nothing, reading, writing, or both. */
export const FSA = { NONE: 0, R: 1, W: 2, RW: 3 } as const;
export const fsh4_access = enumOf(FSA);
export type fsh4_access = Infer<typeof fsh4_access>;

export const netobj = opaque(MAXNETOBJ_SZ);

/**
 * Bigints, since locks may begin and end anywhere in 64 bits and are compared exactly. A length of 0 reaches to the
 * end.
 */
const range = { l_offset: uint64, l_len: uint64 };

export const nlm4_holder = struct({ exclusive: bool, svid: int32, oh: netobj, ...range });
export type nlm4_holder = Infer<typeof nlm4_holder>;

export const nlm4_lock = struct({
  caller_name: string(LM_MAXSTRLEN),
  fh: netobj,
  oh: netobj,
  svid: int32,
  ...range,
});
export type nlm4_lock = Infer<typeof nlm4_lock>;

export const nlm4_share = struct({
  caller_name: string(LM_MAXSTRLEN),
  fh: netobj,
  oh: netobj,
  mode: fsh4_mode,
  access: fsh4_access,
});
export type nlm4_share = Infer<typeof nlm4_share>;

// Arguments

export const nlm4_testargs = struct({ cookie: netobj, exclusive: bool, alock: nlm4_lock });
export type nlm4_testargs = Infer<typeof nlm4_testargs>;

export const nlm4_lockargs = struct({
  cookie: netobj,
  block: bool,
  exclusive: bool,
  alock: nlm4_lock,
  reclaim: bool,
  state: int32,
});
export type nlm4_lockargs = Infer<typeof nlm4_lockargs>;

export const nlm4_cancargs = struct({ cookie: netobj, block: bool, exclusive: bool, alock: nlm4_lock });
export type nlm4_cancargs = Infer<typeof nlm4_cancargs>;

export const nlm4_unlockargs = struct({ cookie: netobj, alock: nlm4_lock });
export type nlm4_unlockargs = Infer<typeof nlm4_unlockargs>;

export const nlm4_shareargs = struct({ cookie: netobj, share: nlm4_share, reclaim: bool });
export type nlm4_shareargs = Infer<typeof nlm4_shareargs>;

export const nlm4_notify = struct({ name: string(LM_MAXNAMELEN), state: int32 });
export type nlm4_notify = Infer<typeof nlm4_notify>;

// Results

/** In the RFC `stat` is a struct whose only field is the status; the bytes are the same. */
export const nlm4_res = struct({ cookie: netobj, stat: nlm4_stats });
export type nlm4_res = Infer<typeof nlm4_res>;

export const nlm4_testrply = union('stat', nlm4_stats, {
  [NLM4.GRANTED]: nothing,
  [NLM4.DENIED]: struct({ holder: nlm4_holder }),
  [NLM4.DENIED_NOLOCKS]: nothing,
  [NLM4.BLOCKED]: nothing,
  [NLM4.DENIED_GRACE_PERIOD]: nothing,
  [NLM4.DEADLCK]: nothing,
  [NLM4.ROFS]: nothing,
  [NLM4.STALE_FH]: nothing,
  [NLM4.FBIG]: nothing,
  [NLM4.FAILED]: nothing,
});
export type nlm4_testrply = Infer<typeof nlm4_testrply>;

export const nlm4_testres = struct({ cookie: netobj, test_stat: nlm4_testrply });
export type nlm4_testres = Infer<typeof nlm4_testres>;

export const nlm4_shareres = struct({ cookie: netobj, stat: nlm4_stats, sequence: int32 });
export type nlm4_shareres = Infer<typeof nlm4_shareres>;
