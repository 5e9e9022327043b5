/** Names that have gone, in the inode table. What they stood for is let go at once, or its space would stay taken. */
import type { InodeTable } from '#src/inode/table.ts';
import type { Resolved } from '#src/xlators/nfs/server/nfs-call.ts';

/** `gone` as in `Removed`: it may not have been known by that name. */
export function forgetName({ volume: { table }, inode }: Resolved, name: string, gone?: Buffer): void {
  const unlinked = table.unlink(inode, name);
  if (unlinked) table.forget(unlinked);
  if (gone) forgetGone(table, gone);
}

/** As rename(2): what had the new name is gone, unless both names were one object's. */
export function moveName(
  { volume: { table }, inode }: Resolved,
  name: string,
  to: Resolved,
  toName: string,
  gone?: Buffer,
): void {
  const replaced = table.lookup(to.inode, toName);
  const moved = table.rename(inode, name, to.inode, toName);
  if (replaced && replaced !== moved) table.forget(replaced);
  if (gone) forgetGone(table, gone);
}

function forgetGone(table: InodeTable, gfid: Buffer): void {
  const inode = table.find(gfid);
  if (inode) table.forget(inode);
}
