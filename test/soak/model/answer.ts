/** What an answer must be. RPC errors are compared to the byte. */
import { nfsstat3 } from '#protocols/nfs3/constants.ts';
import { accept_stat, msg_type, reject_stat, reply_stat } from '#protocols/rpc.ts';
import { XdrReader } from '#protocols/xdr/stream.ts';
import type { RemoteProcedure } from '#src/rpcclnt/client.ts';

/** An answer of the server differs from what it must be. */
export class Mismatch extends Error {
  override name = 'Mismatch';
}

export function same(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Mismatch(`${what}: expected ${String(expected)}, found ${String(actual)}`);
}

export function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Mismatch(what);
}

const ACCEPTED = [msg_type.REPLY, reply_stat.MSG_ACCEPTED, 0, 0] as const;

/** The words of a reply after the xid, for a call that was accepted, but not with SUCCESS. */
export const acceptedWith = (stat: accept_stat, ...more: number[]): readonly number[] => [...ACCEPTED, stat, ...more];

export const authError = (why: number): readonly number[] => [
  msg_type.REPLY,
  reply_stat.MSG_DENIED,
  reject_stat.AUTH_ERROR,
  why,
];

export const RPC_MISMATCH = [msg_type.REPLY, reply_stat.MSG_DENIED, reject_stat.RPC_MISMATCH, 2, 2] as const;

export function sameWords(reply: Buffer, words: readonly number[], what: string): void {
  const expected = words.map(word => word.toString(16).padStart(8, '0')).join(' ');
  const found = reply.toString('hex', 4, 4 + 64).replaceAll(/(.{8})(?=.)/g, '$1 ');
  same(found, expected, what);
}

const from = new XdrReader(Buffer.alloc(0));

/** The results of an accepted call, decoded to their last byte. */
export function resultOf<R>(procedure: RemoteProcedure<any, R>, reply: Buffer): R {
  if (reply.length < 24 || reply.readUInt32BE(8) !== reply_stat.MSG_ACCEPTED || reply.readUInt32BE(20) !== 0) {
    throw new Mismatch(`${procedure.name} was refused: ${reply.toString('hex', 0, 40)}`);
  }
  from.reset(reply, 24, reply.length);
  let result: R;
  try {
    result = procedure.res.decode(from);
  } catch (error) {
    throw new Mismatch(`${procedure.name}: ${(error as Error).message} in ${reply.toString('hex', 0, 200)}`);
  }
  same(from.left, 0, `${procedure.name}: bytes after the results`);
  return result;
}

const NAMES = new Map<number, string>(Object.entries(nfsstat3).map(([name, value]) => [value, name]));
export const statusName = (status: number): string => NAMES.get(status) ?? `${status}`;

/** The status of a result. NFS3 and MOUNT have it in fields of different names. */
export function statusOf(result: unknown): number {
  const { status, fhs_status } = (result ?? {}) as { status?: number; fhs_status?: number };
  return status ?? fhs_status ?? 0;
}

export function sameStatus(result: unknown, expected: number, what: string): void {
  same(statusName(statusOf(result)), statusName(expected), what);
}
