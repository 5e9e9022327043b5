/** What a fop answers when the brick has refused it. */
import { ERRNO, errnoCode, FsError } from '../../../errno.ts';
import { FopError, type Xdata } from '../../../graph/fops.ts';
import type { Wcc } from '../../../graph/iatt.ts';

/** What every reply of a brick has. */
interface Status {
  readonly op_ret: number;
  readonly op_errno: number;
  readonly xdata: Xdata | undefined;
}

const UNKNOWN: Wcc = { before: undefined, after: undefined };

/** The error that a reply stands for, with what is known of the objects that were to change. */
export function failureOf({ op_errno, xdata }: Status, what: string, wcc?: Wcc, toWcc?: Wcc): FsError {
  if (wcc === undefined && xdata === undefined) return FsError.of(op_errno, what);
  const code = errnoCode(op_errno);
  return new FopError(code, `${code}: ${what}`, wcc ?? UNKNOWN, toWcc, xdata);
}

/**
 * Reads a reply to a fop on a gfid alone: a brick that does not find it answers ESTALE, or ENOENT if it still remembers
 * the object.
 */
export const byGfid = <S extends Status>(reply: S): S =>
  reply.op_errno === ERRNO.ENOENT && reply.op_ret < 0 ? { ...reply, op_errno: ERRNO.ESTALE } : reply;

/**
 * Requires that a fop on a gfid has been done. Whether it has is in `op_ret` alone: `op_errno` may be set in any reply.
 * @throws the brick has refused it
 */
export function requireDone(reply: Status, what: string): void {
  if (reply.op_ret < 0) throw failureOf(byGfid(reply), what);
}
