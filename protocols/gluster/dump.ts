/** GF-DUMP: tells which programs glusterd or a brick speaks, and answers pings. */
import { status } from './types.ts';
import { type Infer, list, nothing, string, struct, uint64 } from '../xdr/codec.ts';
import { WORD_BYTES_MAX, GLUSTER_DUMP } from './constants.ts';
import { dict } from './old-dict.ts';
import type { RemoteProcedure } from '../rpc.ts';

const PROGRAMS_MAX = 256;

export const gf_dump_req = struct({ gfs_id: uint64 });
export type gf_dump_req = Infer<typeof gf_dump_req>;

export const gf_prog_detail = struct({ progname: string(WORD_BYTES_MAX), prognum: uint64, progver: uint64 });
export type gf_prog_detail = Infer<typeof gf_prog_detail>;

export const gf_dump_rsp = struct({ gfs_id: uint64, ...status, prog: list(gf_prog_detail, PROGRAMS_MAX) });
export type gf_dump_rsp = Infer<typeof gf_dump_rsp>;

export const gf_common_rsp = struct({ ...status, xdata: dict });
export type gf_common_rsp = Infer<typeof gf_common_rsp>;

export const DUMP: RemoteProcedure<gf_dump_req, gf_dump_rsp> = {
  name: 'GF-DUMP DUMP',
  ...GLUSTER_DUMP,
  proc: 1,
  args: gf_dump_req,
  res: gf_dump_rsp,
};

export const PING: RemoteProcedure<void, gf_common_rsp> = {
  name: 'GF-DUMP PING',
  ...GLUSTER_DUMP,
  proc: 2,
  args: nothing,
  res: gf_common_rsp,
};
