/** The handshake: glusterd gives the volfile, and a brick takes a client. */
import { status } from './types.ts';
import { type Infer, string, struct, uint32 } from '../xdr/codec.ts';
import { PATH_BYTES_MAX, SPEC_BYTES_MAX, GLUSTER_HNDSK } from './constants.ts';
import { dict } from './old-dict.ts';
import type { RemoteProcedure } from '../rpc.ts';

export const gf_getspec_req = struct({ flags: uint32, key: string(PATH_BYTES_MAX), xdata: dict });
export type gf_getspec_req = Infer<typeof gf_getspec_req>;

/** `op_ret` is the length of `spec`, the text of the volfile. */
export const gf_getspec_rsp = struct({ ...status, spec: string(SPEC_BYTES_MAX), xdata: dict });
export type gf_getspec_rsp = Infer<typeof gf_getspec_rsp>;

export const gf_setvolume_req = struct({ dict });
export type gf_setvolume_req = Infer<typeof gf_setvolume_req>;

export const gf_setvolume_rsp = struct({ ...status, dict });
export type gf_setvolume_rsp = Infer<typeof gf_setvolume_rsp>;

export const gf_get_volume_info_req = struct({ dict });
export type gf_get_volume_info_req = Infer<typeof gf_get_volume_info_req>;

export const gf_get_volume_info_rsp = struct({ ...status, op_errstr: string(PATH_BYTES_MAX), dict });
export type gf_get_volume_info_rsp = Infer<typeof gf_get_volume_info_rsp>;

/**
 * Asks glusterd for a volfile by its key, which is the name of the volume. `xdata` has the keys `min-op-version` and
 * `max-op-version`, without which it is EOPNOTSUPP.
 */
export const GETSPEC: RemoteProcedure<gf_getspec_req, gf_getspec_rsp> = {
  name: 'GlusterFS GETSPEC',
  ...GLUSTER_HNDSK,
  proc: 2,
  args: gf_getspec_req,
  res: gf_getspec_rsp,
};

/** Makes the connection to a brick one of a client of the volume. Fops that come earlier are refused. */
export const SETVOLUME: RemoteProcedure<gf_setvolume_req, gf_setvolume_rsp> = {
  name: 'GlusterFS SETVOLUME',
  ...GLUSTER_HNDSK,
  proc: 1,
  args: gf_setvolume_req,
  res: gf_setvolume_rsp,
};

/** Asks glusterd for the id of a volume. */
export const GET_VOLUME_INFO: RemoteProcedure<gf_get_volume_info_req, gf_get_volume_info_rsp> = {
  name: 'GlusterFS GET_VOLUME_INFO',
  ...GLUSTER_HNDSK,
  proc: 6,
  args: gf_get_volume_info_req,
  res: gf_get_volume_info_rsp,
};
