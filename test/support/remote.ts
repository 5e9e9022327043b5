/** A brick that fops are made at, without a connection: it answers the arguments of each call with results. */
import { gfx_dict } from '#protocols/gluster/dict.ts';
import { entryplusOf, glusterFops } from '#protocols/gluster/fops/fops.ts';
import { gfx_iattx } from '#protocols/gluster/iatt.ts';
import { decode, encode, type Infer } from '#protocols/xdr/codec.ts';
import type { RemoteProcedure, RpcClient } from '#src/rpcclnt/client.ts';
import { Remote } from '#src/xlators/protocol/client/remote.ts';

/** The fops as a brick has them. */
export const FOPS = glusterFops(gfx_iattx, gfx_dict, entryplusOf(gfx_iattx, gfx_dict));
type Fops = typeof FOPS;
export type FopName = keyof Fops;

/** What the brick answers to each fop, by the arguments. A fop that is not here must not be called. */
export type Answers = {
  [F in FopName]?: (args: Infer<Fops[F]['args']>) => Infer<Fops[F]['res']> | Promise<Infer<Fops[F]['res']>>;
};

/** A call that the brick was sent. */
export interface RemoteCall {
  readonly fop: FopName;
  readonly args: any;
}

/** The beginning of the reply to a fop that was done. */
export const DONE = { op_ret: 0, op_errno: 22, xdata: undefined } as const;

/** The beginning of the reply to a fop that was refused. */
export const refused = (op_errno: number) => ({ op_ret: -1, op_errno, xdata: undefined });

/** The attributes of an object that has only a gfid, a type and a mode. */
export const iattx = (gfid: Buffer, mode: number): gfx_iattx => ({
  ...decode(gfx_iattx, Buffer.alloc(148)),
  ia_gfid: gfid,
  mode,
});

/** Arguments and results go through their codecs, so that both are what a brick could have received and sent. */
export function remoteOf(answers: Answers): { remote: Remote; calls: RemoteCall[] } {
  const calls: RemoteCall[] = [];
  const client = {
    async ask({ proc, args: codec, res }: RemoteProcedure<any, any>, args: unknown): Promise<unknown> {
      const [fop, exact] = Object.entries(FOPS).find(([, one]) => one.proc === proc)! as [FopName, Fops[FopName]];
      const received: any = decode(exact.args as typeof codec, encode(codec, args));
      calls.push({ fop, args: received });
      const answer = answers[fop] as ((args: any) => any) | undefined;
      if (answer === undefined) throw new Error(`${fop} is called`);
      return decode(res, encode(exact.res as typeof res, await answer(received)));
    },
    async call(procedure: RemoteProcedure<any, any>, args: unknown) {
      return { value: await client.ask(procedure, args), release() {} };
    },
  };
  const remote = new Remote({ name: 'b', timeoutMs: () => 5000, sendsGroups: () => true, slot: 0 });
  remote.attach(client as unknown as RpcClient);
  remote.fsid = 77n;
  return { remote, calls };
}
