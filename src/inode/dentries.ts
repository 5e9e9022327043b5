/** Names of inodes. A directory has one name at most, other inodes may have several: hard links. */
import { FileType } from '../graph/iatt.ts';
import type { Dentry, Entry } from './entry.ts';

/** Names remembered of one inode; with more hard links, the oldest is forgotten. Bounds the work of purging it. */
export const DENTRIES_MAX = 64;
/** Directories above an inode that are looked at. */
export const DEPTH_MAX = 4096;
/** Directories above an inode that are named in messages. */
const SHOWN_DEPTH_MAX = 32;

export function dentryOf(parent: Entry, name: string): Dentry | undefined {
  return parent.names?.get(name);
}

/** Whether `entry` is `directory` or above it; true also when that is too deep to tell. */
export function isAbove(entry: Entry, directory: Entry): boolean {
  let at: Entry | undefined = directory;
  for (let depth = 0; depth < DEPTH_MAX; depth++) {
    if (at === entry) return true;
    at = at.dentries?.parent;
    if (!at) return false;
  }
  return true;
}

/** `name` must not be taken in `parent`. */
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

/** The dentry to give up so that `inode` can have another name: the only one of a directory, the oldest of too many. */
export function superfluous(inode: Entry): Dentry | undefined {
  if (inode.type === FileType.DIR) return inode.dentries;
  if (inode.dentryCount < DENTRIES_MAX) return undefined;
  let last = inode.dentries;
  while (last?.next) last = last.next;
  return last;
}

/** Where an inode is, for messages: from the root as far as it is known, as UTF-8 text. */
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
