/** The names that GlusterFS keeps for itself in a volume. */
import type { DirList, Xattrs } from '../../../graph/fops.ts';
import { ROOT_GFID } from '../../../graph/gfid.ts';
import type { Inode } from '../../../graph/inode.ts';

const DOT = 0x2e;
const OWN_XATTRS = /^(?:trusted\.(?:afr|ec|glusterfs|gfid|pgfid|bit-rot|SGI_ACL|tier)|glusterfs\.)/;
/** In the root of a volume. GlusterFS's own client lists none of them. */
const OWN_DIRECTORIES = /^\.(?:glusterfs(?:-anonymous-inode.*)?|shard|trashcan)$/;
/** What was removed can be fetched from here, if the volume keeps it. */
const TRASH = '.trashcan';

export const isOwnXattr = (name: string): boolean => OWN_XATTRS.test(name);

/** The extended attributes that are not GlusterFS's own. */
export const withoutOwn = (xattrs: Xattrs): Xattrs =>
  [...xattrs.keys()].some(isOwnXattr) ? new Map([...xattrs].filter(([name]) => !isOwnXattr(name))) : xattrs;

const isRoot = ({ gfid }: Inode): boolean => gfid.equals(ROOT_GFID);

/** Whether `name` in `directory` is one of GlusterFS's own directories, and none of the callers' business. */
export const isOwnName = (directory: Inode, name: string): boolean =>
  name.charCodeAt(0) === DOT && name !== TRASH && OWN_DIRECTORIES.test(name) && isRoot(directory);

/** The entries of `directory` that are not GlusterFS's own. */
export function withoutOwnNames(directory: Inode, list: DirList): DirList {
  if (!isRoot(directory)) return list;
  const entries = list.entries.filter(({ name }) => !OWN_DIRECTORIES.test(name));
  return entries.length === list.entries.length ? list : { ...list, entries };
}
