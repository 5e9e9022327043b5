/** `option sync-metadata on`: a change of metadata is on the disk before it is answered (RFC 1813, 4.8). */
import { FileType } from '../../../../graph/iatt.ts';
import { systemError } from '../../../../sys/failure.ts';
import { syncfsPooled } from '../../../../sys/libc.ts';
import type { Brick } from '../brick.ts';
import { syncFile } from '../objects/files.ts';
import type { PosixObject } from '../objects/object.ts';

/** Makes the object durable, sharing a flush with whoever else asks; of a directory, its entries with it. */
export async function syncObject(brick: Brick, object: PosixObject, type: FileType): Promise<void> {
  if (type === FileType.REG || type === FileType.DIR) return syncFile(brick, object, false);
  // What cannot be opened cannot be synced by itself.
  const { result, errno } = await syncFileSystem(brick, object);
  if (result < 0) throw systemError(errno, 'syncfs');
  await brick.objects.index?.durable();
}

async function syncFileSystem({ objects, pool }: Brick, object: PosixObject): ReturnType<typeof syncfsPooled> {
  objects.fd(object); // its mount may have left the table
  const { mount } = object;
  mount.open += 1; // and must not now
  try {
    return await pool.run(() => syncfsPooled(mount.fd));
  } finally {
    mount.open -= 1;
  }
}

/**
 * Makes a new object and its name durable. A sync of the directory alone would do for what mkdir(2) and the like make, but
 * attributes that were set then belong to a change of their own, which the journal may have in another transaction.
 */
export async function syncMade(brick: Brick, dir: PosixObject, made: PosixObject, type: FileType): Promise<void> {
  const alone = type !== FileType.REG && type !== FileType.DIR; // all of the file system is synced for it
  await Promise.all(
    alone ? [syncObject(brick, made, type)] : [syncFile(brick, dir, false), syncFile(brick, made, false)],
  );
}
