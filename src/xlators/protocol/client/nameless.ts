/**
 * Files that have lost their last name while programs have them open. By its gfid a brick does not find such a file any more.
 * What a layer does to it on its own behalf (marks, counters, the rest of a stripe) goes through an fd that a program has
 * open at the same brick.
 */
import { ERRNO } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Remote } from './remote.ts';

/** What a reply says of the call. */
interface Outcome {
  readonly op_ret: number;
  readonly op_errno: number;
}

/** The number of an fd by which a call is to be made again, which was made by gfid; `undefined`: its reply holds. */
export function fdInstead(
  remote: Remote,
  { internal }: Frame,
  gfid: Buffer,
  { op_ret, op_errno }: Outcome,
): number | undefined {
  if (op_ret >= 0 || internal !== true || (op_errno !== ERRNO.ENOENT && op_errno !== ERRNO.ESTALE)) return undefined;
  return remote.fds.anyOf(gfid);
}
