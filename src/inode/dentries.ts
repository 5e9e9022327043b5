/** Dentries: the names of inodes. A directory has at most one name; other inodes may have several (hard links). */
import { FileType } from '../graph/iatt.ts';
import type { Dentry, Entry } from './entry.ts';

/**
 * How many names of one inode are remembered. Beyond this the oldest is forgotten, which bounds the work of purging the
 * inode.
 */
export const DENTRIES_MAX = 64;
/** How many levels {@link isAbove} climbs. */
export const DEPTH_MAX = 4096;
/** How many levels {@link pathOf} shows. */
const SHOWN_DEPTH_MAX = 32;

export function dentryOf(parent: Entry, name: string): Dentry | undefined {
  return parent.names?.get(name);
}

/** Whether `entry` is `directory` itself or an ancestor of it. Also true if the tree is too deep to tell. */
export function isAbove(entry: Entry, directory: Entry): boolean {
  let at: Entry | undefined = directory;
  for (let depth = 0; depth < DEPTH_MAX; depth++) {
    if (at === entry) return true;
    at = at.dentries?.parent;
    if (!at) return false;
  }
  return true;
}

/** Adds a dentry. `parent` must not have an entry called `name`. */
export function addDentry(parent: Entry, name: string, inode: Entry): void {
  const dentry: Dentry = { parent, name, inode, next: inode.dentries };
  inode.dentries = dentry;
  inode.dentryCount++;
  (parent.names ??= new Map()).set(name, dentry);
}

export function removeDentry(dentry: Dentry): void {
  const { parent, name, inode } = dentry;
  if (inode.dentries === dentry) {
    inode.dentries = dentry.next;
  } else {
    let before = inode.dentries;
    while (before && before.next !== dentry) before = before.next;
    if (before) before.next = dentry.next;
  }
  inode.dentryCount--;
  parent.names?.delete(name);
  if (parent.names?.size === 0) parent.names = undefined;
}

/**
 * The dentry to drop before `inode` gets another name: a directory's only one, or the oldest of {@link DENTRIES_MAX}.
 */
export function superfluous(inode: Entry): Dentry | undefined {
  if (inode.type === FileType.DIR) return inode.dentries;
  if (inode.dentryCount < DENTRIES_MAX) return undefined;
  let last = inode.dentries;
  while (last?.next) last = last.next;
  return last;
}

/** The path of an inode for messages, as UTF-8 text, as far up as its parents are known. */
export function pathOf(root: Entry, inode: Entry): string {
  const names: string[] = [];
  let at = inode;
  while (at !== root) {
    const { dentries } = at;
    if (!dentries || names.length === SHOWN_DEPTH_MAX) {
      names.unshift(dentries ? '…' : `<gfid:${at.gfid.toString('hex')}>`);
      return names.join('/');
    }
    names.unshift(Buffer.from(dentries.name, 'latin1').toString());
    at = dentries.parent;
  }
  return `/${names.join('/')}`;
}
