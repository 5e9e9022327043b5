/** The part of the program of GlusterFS's command line that glusterd also answers over TCP: questions about volumes. */
import { status } from './types.ts';
import { type Infer, string, struct } from '../xdr/codec.ts';
import { PATH_BYTES_MAX, GLUSTER_CLI } from './constants.ts';
import { dict } from './old-dict.ts';
import type { RemoteProcedure } from '../rpc.ts';

export const gf_cli_req = struct({ dict });
export type gf_cli_req = Infer<typeof gf_cli_req>;

export const gf_cli_rsp = struct({ ...status, op_errstr: string(PATH_BYTES_MAX), dict });
export type gf_cli_rsp = Infer<typeof gf_cli_rsp>;

/**
 * Asks about volumes: one (`flags` = {@link GF_CLI_GET_VOLUME}, `volname`). The answer has `count`, and for each volume
 * keys such as `volume0.status`.
 */
export const GET_VOLUME: RemoteProcedure<gf_cli_req, gf_cli_rsp> = {
  name: 'GlusterFS CLI GET_VOLUME',
  ...GLUSTER_CLI,
  proc: 5,
  args: gf_cli_req,
  res: gf_cli_rsp,
};

export const GF_CLI_GET_VOLUME = 2;

/** The values of `volume0.status`. */
export const GLUSTERD_STATUS = { NONE: 0, STARTED: 1, STOPPED: 2 } as const;

/** Asks for the names of all volumes: `count`, `volume0`, `volume1`, … */
export const LIST_VOLUME: RemoteProcedure<gf_cli_req, gf_cli_rsp> = {
  name: 'GlusterFS CLI LIST_VOLUME',
  ...GLUSTER_CLI,
  proc: 33,
  args: gf_cli_req,
  res: gf_cli_rsp,
};
