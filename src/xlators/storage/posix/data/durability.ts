/** `option sync-metadata on`: a change of metadata is on the disk before it is answered (RFC 1813, 4.8). */
import { FileType } from '../../../../graph/iatt.ts';
import { systemError } from '../../../../sys/failure.ts';
import { syncfsPooled } from '../../../../sys/libc.ts';
import type { Brick } from '../brick.ts';
import { syncFile } from './files.ts';
import type { PosixObject } from '../objects/object.ts';

/** Makes an object durable; a directory together with its entries. Callers at the same time share a flush. */
export async function syncObject(brick: Brick, object: PosixObject, type: FileType): Promise<void> {
  if (type === FileType.REG || type === FileType.DIR) return syncFile(brick, object, false);
  // An object that cannot be opened cannot be synced alone.
  const { result, errno } = await syncFileSystem(brick, object);
  if (result < 0) throw systemError(errno, 'syncfs');
  await brick.objects.finder?.durable();
}

async function syncFileSystem({ objects, pool }: Brick, object: PosixObject): ReturnType<typeof syncfsPooled> {
  objects.fd(object); // finds its mount again, which may have been dropped from the table
  const { mount } = object;
  mount.open += 1; // so that it is not dropped meanwhile
  try {
    return await pool.run(() => syncfsPooled(mount.fd));
  } finally {
    mount.open -= 1;
  }
}

/**
 * Makes a new object and its name durable. A sync of the directory alone makes durable what mkdir(2) and the like have made,
 * but not the attributes that were set afterwards, which the journal may have in another transaction.
 */
export async function syncMade(brick: Brick, dir: PosixObject, made: PosixObject, type: FileType): Promise<void> {
  const alone = type !== FileType.REG && type !== FileType.DIR; // the whole file system is synced for it
  await Promise.all(
    alone ? [syncObject(brick, made, type)] : [syncFile(brick, dir, false), syncFile(brick, made, false)],
  );
}
