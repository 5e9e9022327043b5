/** Names that have gone, in the inode table. What they stood for is let go at once, or its space would stay taken. */
import type { Resolved } from '#src/xlators/nfs/server/call.ts';

export function forgetName({ volume: { table }, inode }: Resolved, name: string): void {
  const gone = table.unlink(inode, name);
  if (gone) table.forget(gone);
}

/** As rename(2): what had the new name is gone, unless both names were one object's. */
export function moveName({ volume: { table }, inode }: Resolved, name: string, to: Resolved, toName: string): void {
  const replaced = table.lookup(to.inode, toName);
  const moved = table.rename(inode, name, to.inode, toName);
  if (replaced && replaced !== moved) table.forget(replaced);
}
