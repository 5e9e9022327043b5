import { GLUSTER_FOP4 } from './constants.ts';
import type { Codec } from '../xdr/codec.ts';
import type { RemoteProcedure } from '../rpc.ts';

export const fop = <Args, Res>(
  name: string,
  proc: number,
  args: Codec<Args>,
  res: Codec<Res>,
): RemoteProcedure<Args, Res> => ({
  name: `GlusterFS ${name}`,
  ...GLUSTER_FOP4,
  proc,
  args,
  res,
});
