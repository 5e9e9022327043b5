/** The failures of a brick, as callers above expect them: with the right code, and with attributes. */
import { type Errno, errnoOf, FsError } from '../../../errno.ts';
import { FopError } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt, type Wcc } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';

/** Codes with which a fop is refused before anything is changed. After any other failure it is not known what was. */
const REFUSALS: ReadonlySet<Errno> = new Set([
  'EACCES',
  'EAGAIN',
  'EDQUOT',
  'EEXIST',
  'EFBIG',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'EMLINK',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOSPC',
  'ENOTDIR',
  'ENOTEMPTY',
  'EPERM',
  'EROFS',
  'EXDEV',
]);

/** Codes by which a brick may say that what should be a directory is none. */
const NO_DIRECTORY: ReadonlySet<Errno> = new Set(['EPERM', 'EINVAL', 'EACCES', 'EIO', 'ESTALE', 'ENOENT']);

/**
 * Rejects with the failure of a fop that was to change a name in `dir`, or to move one from there to `to`. The answer of a
 * failing GlusterFS brick has no attributes, so they are asked for, unless those of `dir` have been already (`seen`).
 */
export async function rejectIn(
  below: Xlator,
  frame: Frame,
  error: unknown,
  dir: Inode,
  to?: Inode,
  seen?: Promise<Iatt | undefined>,
): Promise<never> {
  const code = errnoOf(error);
  if (code === undefined || (error instanceof FopError && error.wcc.after !== undefined)) throw error;
  const notDir = [dir, to ?? dir].some(({ type }) => type !== FileType.DIR) && NO_DIRECTORY.has(code);
  if (!notDir && !REFUSALS.has(code)) throw error;
  const [iatt, toIatt] = await Promise.all([
    seen ?? attributesOf(below, frame, dir),
    to && attributesOf(below, frame, to),
  ]);
  const toWcc = to && unchanged(toIatt);
  throw new FopError(notDir ? 'ENOTDIR' : code, (error as Error).message, unchanged(iatt), toWcc, xdataOf(error));
}

/** Rejects with the failure of a fop that was to read or change a file. Anything else has no data. */
export function rejectData(error: unknown, { type }: Inode): never {
  if (errnoOf(error) === undefined || type === FileType.REG) throw error;
  throw noFile(type);
}

/** The error of those who take `type` for a file. */
export const noFile = (type: FileType): FsError =>
  new FsError(type === FileType.DIR ? 'EISDIR' : 'EINVAL', 'only a file has data');

export const xdataOf = (error: unknown) => (error instanceof FopError ? error.xdata : undefined);

/** The attributes of an object; `undefined` if they cannot be told. */
export const attributesOf = (below: Xlator, frame: Frame, inode: Inode): Promise<Iatt | undefined> =>
  below.stat(frame, inode).catch(() => undefined);

const unchanged = (iatt: Iatt | undefined): Wcc => ({ before: iatt, after: iatt });
