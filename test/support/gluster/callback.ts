import { type CBK, GLUSTER_CBK } from '#protocols/gluster/constants.ts';
import { call_header, msg_type, NO_AUTH, RPC_VERSION } from '#protocols/rpc.ts';
import { encode } from '#protocols/xdr/codec.ts';
import { mark } from '../rpc/service.ts';

/** A call of glusterd or of a brick to its client. */
export function callback(proc: (typeof CBK)[keyof typeof CBK], body: Buffer = Buffer.alloc(0)): Buffer {
  const of = { xid: 1, mtype: msg_type.CALL, rpcvers: RPC_VERSION, ...GLUSTER_CBK, proc, cred: NO_AUTH, verf: NO_AUTH };
  return mark(Buffer.concat([encode(call_header, of), body]));
}
