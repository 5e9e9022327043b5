/**
 * The boundary of an export that is a part of its volume. Objects outside it are in the same inode table, and their
 * gfids look no different. A handle therefore only says which export it was made for, and the brick must be asked where
 * the object is now.
 */
import { errnoOf } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ANCESTRY_PATH } from '../../../../graph/fops/virtual-xattrs.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Place } from '../nfs-call.ts';
import type { Export } from './exports.ts';
import type { Volume } from '../../../../master/volume.ts';

/** Returns where a directory is at this moment relative to the export. @throws {FsError} ESTALE if it is gone */
export async function placeIn(volume: Volume, on: Export, frame: Frame, inode: Inode): Promise<Place> {
  volume.table.ref(inode);
  try {
    const values = await volume.top.getxattr(frame, inode, ANCESTRY_PATH);
    const path = values.get(ANCESTRY_PATH)?.toString('latin1');
    if (path === undefined) return 'unknown'; // A brick may answer something else than what it was asked for.
    if (!path.startsWith(on.path)) return 'outside';
    if (path.length === on.path.length) return 'top';
    return path[on.path.length] === '/' ? 'below' : 'outside';
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENODATA' || code === 'EOPNOTSUPP' || code === 'ENOTSUP' || code === 'ENOSYS') return 'unknown';
    if (code === 'ESTALE') return 'outside';
    throw error;
  } finally {
    volume.table.unref(inode);
  }
}
