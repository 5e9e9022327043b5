/** What glusterd and bricks tell their clients: calls that are not answered. */
import { type Codec, type Infer, int32, nothing, string, struct, uint32 } from '../xdr/codec.ts';
import { CBK, WORD_BYTES_MAX } from './constants.ts';
import { gf_iatt, gfid } from './iatt.ts';
import { dict } from './old-dict.ts';
import { bname, gf_proto_flock, volume } from './types.ts';

export const gf_event_notify_req = struct({ op: int32, dict });
export type gf_event_notify_req = Infer<typeof gf_event_notify_req>;

/** Another client has changed the object: `flags` says what ({@link UP}). */
export const gfs3_cbk_cache_invalidation_req = struct({
  /** As text with dashes. */
  gfid: string(WORD_BYTES_MAX),
  event_type: uint32,
  flags: uint32,
  expire_time_attr: uint32,
  stat: gf_iatt,
  parent_stat: gf_iatt,
  oldparent_stat: gf_iatt,
  xdata: dict,
});
export type gfs3_cbk_cache_invalidation_req = Infer<typeof gfs3_cbk_cache_invalidation_req>;

export const gfs3_recall_lease_req = struct({ gfid, lease_type: uint32, tid: gfid, xdata: dict });
export type gfs3_recall_lease_req = Infer<typeof gfs3_recall_lease_req>;

/** Another client waits for this lock of ours. */
export const gfs4_inodelk_contention_req = struct({
  gfid,
  flock: gf_proto_flock,
  pid: uint32,
  domain: volume,
  xdata: dict,
});
export type gfs4_inodelk_contention_req = Infer<typeof gfs4_inodelk_contention_req>;

/** Another client waits for this lock of ours on a name. */
export const gfs4_entrylk_contention_req = struct({
  gfid,
  type: uint32,
  pid: uint32,
  name: bname,
  domain: volume,
  xdata: dict,
});
export type gfs4_entrylk_contention_req = Infer<typeof gfs4_entrylk_contention_req>;

/** The arguments of each callback. */
export const CALLBACKS = {
  [CBK.FETCHSPEC]: nothing,
  [CBK.INO_FLUSH]: nothing,
  [CBK.EVENT_NOTIFY]: gf_event_notify_req,
  [CBK.GET_SNAPS]: nothing,
  [CBK.CACHE_INVALIDATION]: gfs3_cbk_cache_invalidation_req,
  [CBK.CHILD_UP]: nothing,
  [CBK.CHILD_DOWN]: nothing,
  [CBK.RECALL_LEASE]: gfs3_recall_lease_req,
  [CBK.STATEDUMP]: nothing,
  [CBK.INODELK_CONTENTION]: gfs4_inodelk_contention_req,
  [CBK.ENTRYLK_CONTENTION]: gfs4_entrylk_contention_req,
} as const satisfies Record<number, Codec<unknown>>;
