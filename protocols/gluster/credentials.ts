/** The credentials of GlusterFS, which are bodies of an `opaque_auth` (RFC 5531, 8.2). */
import { array, type Codec, type Infer, int32, opaque, size64, struct, uint32 } from '../xdr/codec.ts';
import type { XdrWriter } from '../xdr/stream.ts';

export const AUTH_GLUSTERFS = { V2: 390039, V3: 390040 } as const;

/** The pid of a caller whose root is not squashed; a fop that a layer makes on its own behalf has it. */
export const GF_CLIENT_PID_NO_ROOT_SQUASH = -4;

/**
 * How many groups and bytes of a lock owner fit in together, by GlusterFS's count: it takes a byte for a whole group, so
 * that the 400 bytes of a credential are never exceeded.
 */
const ROOM_V2 = 95;
const ROOM_V3 = 91;

const parms_v2 = struct({
  pid: int32,
  uid: uint32,
  gid: uint32,
  groups: array(uint32, ROOM_V2),
  lk_owner: opaque(ROOM_V2),
});
export type auth_glusterfs_parms_v2 = Infer<typeof parms_v2>;

const parms_v3 = struct({
  pid: int32,
  uid: uint32,
  gid: uint32,
  /** Which times the fop sets to `ctime`. */
  flags: uint32,
  ctime_nsec: uint32,
  ctime_sec: size64,
  groups: array(uint32, ROOM_V3),
  lk_owner: opaque(ROOM_V3),
});
export type auth_glusterfs_parms_v3 = Infer<typeof parms_v3>;

/** Leaves out the groups that do not fit. */
const cut = <P extends { groups: number[]; lk_owner: Buffer }>(parms: P, room: number): P =>
  parms.groups.length + parms.lk_owner.length <= room
    ? parms
    : { ...parms, groups: parms.groups.slice(0, Math.max(0, room - parms.lk_owner.length)) };

/** The last groups are left out if they do not fit. The owner of locks has at most 95 bytes. */
export const auth_glusterfs_parms_v2: Codec<auth_glusterfs_parms_v2> = {
  ...parms_v2,
  encode: (to, parms) => parms_v2.encode(to, cut(parms, ROOM_V2)),
};

/** The last groups are left out if they do not fit. The owner of locks has at most 91 bytes. */
export const auth_glusterfs_parms_v3: Codec<auth_glusterfs_parms_v3> = {
  ...parms_v3,
  encode: (to, parms) => parms_v3.encode(to, cut(parms, ROOM_V3)),
};

/** Writes the `cred` of a call: the flavor and the body with its length. */
export function encodeCredential(to: XdrWriter, parms: auth_glusterfs_parms_v3): void {
  to.uint32(AUTH_GLUSTERFS.V3);
  const lengthAt = to.reserve(4);
  auth_glusterfs_parms_v3.encode(to, parms);
  to.patchUint32(lengthAt, to.at - lengthAt - 4);
}
