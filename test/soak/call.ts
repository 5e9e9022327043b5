/** The header of a call, of which each part may be another than it should be. */
import { authsys_parms } from '#protocols/auth-sys.ts';
import { NFS_PROGRAM, NFS_V3, NFSPROC3 } from '#protocols/nfs3/constants.ts';
import { auth_flavor, call_header, msg_type, NO_AUTH, RPC_VERSION } from '#protocols/rpc.ts';
import { XdrWriter } from '#protocols/xdr/stream.ts';

const parms = new XdrWriter();
authsys_parms.encode(parms, { stamp: 0, machinename: 'soak', uid: 0, gid: 0, gids: [] });
export const CRED = { flavor: auth_flavor.AUTH_SYS, body: parms.toBuffer() };

/** A GETATTR's header, but for what `parts` says otherwise. The xid is the first unit. */
export function header(parts: Partial<call_header>): Buffer {
  const to = new XdrWriter();
  call_header.encode(to, {
    xid: 0,
    mtype: msg_type.CALL,
    rpcvers: RPC_VERSION,
    prog: NFS_PROGRAM,
    vers: NFS_V3,
    proc: NFSPROC3.GETATTR,
    cred: CRED,
    verf: NO_AUTH,
    ...parts,
  });
  return to.toBuffer();
}
