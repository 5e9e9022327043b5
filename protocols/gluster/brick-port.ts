/** The port mapper of glusterd: at which port a brick listens. */
import { type Infer, int32, string, struct } from '../xdr/codec.ts';
import { PATH_BYTES_MAX, GLUSTER_PMAP } from './constants.ts';
import type { RemoteProcedure } from '../rpc.ts';
import { status } from './types.ts';

/** `brick` is the `remote-subvolume` of the volfile. */
export const pmap_port_by_brick_req = struct({ brick: string(PATH_BYTES_MAX) });
export type pmap_port_by_brick_req = Infer<typeof pmap_port_by_brick_req>;

/** `op_ret` is -1 and `port` 0 if the brick does not run. */
export const pmap_port_by_brick_rsp = struct({ ...status, status: int32, port: int32 });
export type pmap_port_by_brick_rsp = Infer<typeof pmap_port_by_brick_rsp>;

export const PORTBYBRICK: RemoteProcedure<pmap_port_by_brick_req, pmap_port_by_brick_rsp> = {
  name: 'GlusterFS PORTBYBRICK',
  ...GLUSTER_PMAP,
  proc: 1,
  args: pmap_port_by_brick_req,
  res: pmap_port_by_brick_rsp,
};
