/** `option sync-metadata on`: a change of metadata is on the disk before it is answered (RFC 1813, 4.8). */
import { FileType } from '../../../graph/iatt.ts';
import { systemError } from '../../../sys/failure.ts';
import { syncfsPooled } from '../../../sys/libc.ts';
import type { Brick } from './brick.ts';
import { syncFile } from './files.ts';
import type { Known } from './known.ts';

/** Makes the object durable, sharing a flush with whoever else asks; of a directory, its entries with it. */
export async function syncObject(brick: Brick, known: Known, type: FileType): Promise<void> {
  if (type === FileType.REG || type === FileType.DIR) return syncFile(brick, known, false);
  // What cannot be opened cannot be synced by itself.
  const { result, errno } = await syncfsPooled(known.mount.fd);
  if (result < 0) throw systemError(errno, 'syncfs');
}
