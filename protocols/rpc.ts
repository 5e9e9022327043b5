/** ONC RPC version 2 (RFC 5531): message headers and their codes. */
import { type Codec, enumOf, type Infer, nothing, opaque, struct, uint32, union } from './xdr/codec.ts';

export const RPC_VERSION = 2;

export const msg_type = { CALL: 0, REPLY: 1 } as const;
export const reply_stat = { MSG_ACCEPTED: 0, MSG_DENIED: 1 } as const;
export const accept_stat = {
  SUCCESS: 0,
  PROG_UNAVAIL: 1,
  PROG_MISMATCH: 2,
  PROC_UNAVAIL: 3,
  GARBAGE_ARGS: 4,
  SYSTEM_ERR: 5,
} as const;
export type accept_stat = (typeof accept_stat)[keyof typeof accept_stat];
export const reject_stat = { RPC_MISMATCH: 0, AUTH_ERROR: 1 } as const;

export const auth_stat = {
  AUTH_OK: 0,
  AUTH_BADCRED: 1,
  AUTH_REJECTEDCRED: 2,
  AUTH_BADVERF: 3,
  AUTH_REJECTEDVERF: 4,
  AUTH_TOOWEAK: 5,
  AUTH_INVALIDRESP: 6,
  AUTH_FAILED: 7,
} as const;
export type auth_stat = (typeof auth_stat)[keyof typeof auth_stat];

export const auth_flavor = { AUTH_NONE: 0, AUTH_SYS: 1, AUTH_SHORT: 2, AUTH_DH: 3, RPCSEC_GSS: 6 } as const;

/** RFC 5531, 8.2: `opaque body<400>`. */
export const AUTH_BODY_MAX = 400;

export const opaque_auth = struct({ flavor: uint32, body: opaque(AUTH_BODY_MAX) });
export type opaque_auth = Infer<typeof opaque_auth>;

export const NO_AUTH: opaque_auth = { flavor: auth_flavor.AUTH_NONE, body: Buffer.alloc(0) };

/** The header of a call (`rpc_msg` with `call_body`), which the procedure's arguments follow. */
export const call_header = struct({
  xid: uint32,
  mtype: enumOf({ CALL: msg_type.CALL }),
  rpcvers: uint32,
  prog: uint32,
  vers: uint32,
  proc: uint32,
  cred: opaque_auth,
  verf: opaque_auth,
});
export type call_header = Infer<typeof call_header>;

const mismatch_info = struct({ low: uint32, high: uint32 });

const accepted_reply = struct({
  verf: opaque_auth,
  data: union('stat', enumOf(accept_stat), {
    [accept_stat.SUCCESS]: nothing,
    [accept_stat.PROG_UNAVAIL]: nothing,
    [accept_stat.PROG_MISMATCH]: mismatch_info,
    [accept_stat.PROC_UNAVAIL]: nothing,
    [accept_stat.GARBAGE_ARGS]: nothing,
    [accept_stat.SYSTEM_ERR]: nothing,
  }),
});

const rejected_reply = struct({
  data: union('stat', enumOf(reject_stat), {
    [reject_stat.RPC_MISMATCH]: mismatch_info,
    [reject_stat.AUTH_ERROR]: struct({ why: enumOf(auth_stat) }),
  }),
});

/** The header of a reply. If it says SUCCESS, the procedure's results follow. */
export const reply_header = struct({
  xid: uint32,
  mtype: enumOf({ REPLY: msg_type.REPLY }),
  reply: union('stat', enumOf(reply_stat), {
    [reply_stat.MSG_ACCEPTED]: accepted_reply,
    [reply_stat.MSG_DENIED]: rejected_reply,
  }),
});
export type reply_header = Infer<typeof reply_header>;

/** A procedure of a program, as its clients call it. */
export interface RemoteProcedure<Args, Res> {
  /** The name in error messages, such as `rpcbind 4 SET`. */
  readonly name: string;
  readonly prog: number;
  readonly vers: number;
  readonly proc: number;
  readonly args: Codec<Args>;
  readonly res: Codec<Res>;
}
