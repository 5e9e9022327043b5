/** What changes of names are about: which names, and how they are locked, marked and taken back. */
import { FsError, isGone } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { Kind } from './transaction/steps.ts';

/** A name in a directory; without a name, all of its names. */
export interface Lockee {
  readonly inode: Inode;
  readonly name: string | undefined;
}

/** A name whose change is recorded in its directory. */
export interface Place extends Lockee {
  readonly name: string;
}

/** A new object. */
export interface New {
  readonly gfid: Buffer;
  readonly type: FileType;
}

/** A name that was made, if it was not there before, and can be taken away again. */
export interface Undo {
  readonly gfid: Buffer;
  readonly place: Place;
  readonly isDir: boolean;
}

/** What of a new object must be healed where it is missing. */
export const kindsOf = (type: FileType): readonly Kind[] =>
  type === FileType.REG ? ['data', 'metadata'] : type === FileType.DIR ? ['data', 'metadata', 'entry'] : ['metadata'];

/** Takes a name away again from a child, if it is there and leads to the object that was given this name. */
export async function takeBack(
  child: Xlator,
  own: Frame,
  { gfid, place, isDir }: Undo,
  isLocked: () => boolean,
): Promise<void> {
  try {
    const { iatt } = await child.lookup(own, place.inode, place.name);
    if (!iatt.gfid.equals(gfid)) return;
    if (!isLocked()) throw new FsError('ENOTCONN');
    if (isDir) await child.rmdir(own, place.inode, place.name);
    else await child.unlink(own, place.inode, place.name);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** The order in which all clients take locks: by gfid, then by name, all names before any. */
export function inOrder(a: Lockee, b: Lockee): number {
  const order = a.inode.gfid.compare(b.inode.gfid);
  if (order !== 0) return order;
  if (a.name === undefined || b.name === undefined) return a.name === b.name ? 0 : a.name === undefined ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
