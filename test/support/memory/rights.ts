import { FsError } from '#src/errno.ts';
import { O_RDONLY, O_WRONLY } from '#src/sys/constants.ts';
import type { Frame } from '#src/graph/frame.ts';
import { FileType } from '#src/graph/iatt.ts';
import type { Node } from './node.ts';

/** The bits of the flags of open(2) that tell reading from writing. */
export const O_ACCMODE = 3;

/** The bits of `mask` that the mode grants the caller. */
export function granted({ identity }: Frame, node: Node, mask: number): number {
  const { uid, gid, groups } = identity;
  const shift = uid === node.uid ? 6 : gid === node.gid || groups.includes(node.gid) ? 3 : 0;
  return uid === 0 ? mask : mask & (node.mode >> shift);
}

export function mayOpen(frame: Frame, node: Node, flags: number): void {
  if (node.type === FileType.DIR) throw new FsError('EISDIR');
  if (node.type !== FileType.REG) throw new FsError('EINVAL');
  const mode = flags & O_ACCMODE;
  const mask = mode === O_RDONLY ? 4 : mode === O_WRONLY ? 2 : 6;
  if (node.uid !== frame.identity.uid && granted(frame, node, mask) !== mask) throw new FsError('EACCES');
}

/** Whether the caller may change names in the directory, and take away that of `taken`. */
export function mayChange(frame: Frame, directory: Node, taken?: Node): boolean {
  const { uid } = frame.identity;
  const isSticky = taken !== undefined && (directory.mode & 0o1000) !== 0;
  return granted(frame, directory, 3) === 3 && (!isSticky || [0, directory.uid, taken.uid].includes(uid));
}
