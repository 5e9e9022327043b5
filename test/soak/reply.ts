/** What a reply says, as far as it can be expected. */
import { accept_stat, auth_stat, reject_stat, reply_header } from '#protocols/rpc.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';

const nameOf = (table: Record<string, number>, value: number) =>
  Object.keys(table).find(name => table[name] === value) ?? `${value}`;

/** `SUCCESS`, `GARBAGE_ARGS`, `RPC_MISMATCH`, `AUTH_BADCRED` …; `from` is left where the results begin. */
export function verdictOf(from: XdrReader): string {
  const { reply } = reply_header.decode(from);
  if ('verf' in reply) return nameOf(accept_stat, reply.data.stat);
  if (reply.data.stat === reject_stat.AUTH_ERROR && 'why' in reply.data) return nameOf(auth_stat, reply.data.why);
  return nameOf(reject_stat, reply.data.stat);
}
