import { accept_stat, auth_stat, reject_stat, reply_stat, type reply_header } from '#protocols/rpc.ts';

/** Why a call has no result: what the server answered (RFC 5531, 9), or why it did not answer. */
export type RpcErrorCode =
  | 'PROG_UNAVAIL'
  | 'PROG_MISMATCH'
  | 'PROC_UNAVAIL'
  | 'GARBAGE_ARGS'
  | 'SYSTEM_ERR'
  | 'RPC_MISMATCH'
  | 'AUTH_ERROR'
  | 'CANNOT_CONNECT'
  | 'TIMED_OUT'
  | 'CLOSED'
  | 'ABORTED'
  | 'BUSY'
  | 'BAD_REPLY';

export interface RpcErrorOptions extends ErrorOptions {
  readonly versions?: { readonly low: number; readonly high: number };
  readonly why?: auth_stat;
}

export class RpcError extends Error {
  override name = 'RpcError';
  readonly code: RpcErrorCode;
  /** With PROG_MISMATCH and RPC_MISMATCH: the versions that the server has. */
  readonly versions: { readonly low: number; readonly high: number } | undefined;
  /** With AUTH_ERROR. */
  readonly why: auth_stat | undefined;

  constructor(code: RpcErrorCode, message: string, options: RpcErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.versions = options.versions;
    this.why = options.why;
  }
}

/** What a reply refuses with; `undefined` when it is SUCCESS. */
export function refusalOf(name: string, reply: reply_header['reply']): RpcError | undefined {
  if (reply.stat === reply_stat.MSG_DENIED) {
    const { data } = reply;
    if (data.stat === reject_stat.AUTH_ERROR) {
      const why = Object.entries(auth_stat).find(([, value]) => value === data.why)![0];
      return new RpcError('AUTH_ERROR', `${name}: credentials refused, ${why}`, { why: data.why });
    }
    const { low, high } = data;
    const message = `${name}: the server speaks RPC versions ${low} to ${high}, not 2`;
    return new RpcError('RPC_MISMATCH', message, { versions: { low, high } });
  }
  const { data } = reply;
  if (data.stat === accept_stat.SUCCESS) return undefined;
  if (data.stat === accept_stat.PROG_MISMATCH) {
    const { low, high } = data;
    const message = `${name}: the server has versions ${low} to ${high} of the program`;
    return new RpcError('PROG_MISMATCH', message, { versions: { low, high } });
  }
  return new RpcError(REFUSALS[data.stat].code, `${name}: ${REFUSALS[data.stat].says}`);
}

const REFUSALS = {
  [accept_stat.PROG_UNAVAIL]: { code: 'PROG_UNAVAIL', says: 'the server does not have the program' },
  [accept_stat.PROC_UNAVAIL]: { code: 'PROC_UNAVAIL', says: 'the server does not have the procedure' },
  [accept_stat.GARBAGE_ARGS]: { code: 'GARBAGE_ARGS', says: 'the server could not read the arguments' },
  [accept_stat.SYSTEM_ERR]: { code: 'SYSTEM_ERR', says: 'the server failed' },
} as const;
