/** Objects that two-step has met, but which the layer at the top has not: they are in no inode table. */
import type { Iatt } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import { keepNotes, type Note } from '../../../graph/note.ts';

/** An inode for the fops that follow on a lookup or a creation within the same call. */
export function transient({ gfid, type, hint, notes }: Iatt): Inode {
  const inode = new Inode(gfid, type, hint);
  keepNotes(inode.slots, notes);
  return inode;
}

/** What the layers below have learnt of `inode` in the meantime, as notes for the inode that the top will make. */
function notesOf({ slots }: Inode): Note | undefined {
  let next: Note | undefined;
  for (const [slot, value] of slots.entries()) if (value !== undefined) next = { slot, value, next };
  return next;
}

/** `later`, the attributes of an object after a change, with what travels only with the answer that found the object. */
export function refreshed(found: Iatt, inode: Inode, later: Iatt | undefined): Iatt {
  const { hint, memo } = found;
  const notes = notesOf(inode);
  return { ...(later ?? found), ...(hint && { hint }), ...(memo && { memo }), ...(notes && { notes }) };
}
