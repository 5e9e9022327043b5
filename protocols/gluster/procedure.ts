import type { Codec } from '../xdr/codec.ts';
import { GLUSTER_FOP4 } from './constants.ts';

/** A procedure of a program, as a client calls it. */
export interface Procedure<Args, Res> {
  /** The name in messages. */
  readonly name: string;
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
  readonly args: Codec<Args>;
  readonly res: Codec<Res>;
}

export const fop = <Args, Res>(
  name: string,
  proc: number,
  args: Codec<Args>,
  res: Codec<Res>,
): Procedure<Args, Res> => ({
  name: `GlusterFS ${name}`,
  ...GLUSTER_FOP4,
  proc,
  args,
  res,
});
