import type { Opened } from './fops.ts';
import { Fd, type Inode } from './inode.ts';
import { Xlator } from './xlator.ts';

/** Lists `top` and all xlators below it, each once, parents before their children. */
export function subtree(top: Xlator): Xlator[] {
  const found = new Set<Xlator>();
  const visit = (xlator: Xlator) => {
    if (found.has(xlator)) return;
    for (const child of xlator.children) visit(child);
    found.add(xlator);
  };
  visit(top);
  return [...found].reverse();
}

/**
 * Returns the function that an inode table calls when an inode leaves it: it tells every xlator from
 * `top` downwards that overrides `forget`.
 */
export function forgetOf(top: Xlator): (inode: Inode) => void {
  const holders = subtree(top).filter(xlator => xlator.forget !== Xlator.prototype.forget);
  return inode => {
    for (const holder of holders) holder.forget(inode);
  };
}

/**
 * Returns the function that the maker of an fd calls when the fd is no longer used: it tells every xlator
 * from `top` downwards that overrides `release`.
 */
export function releaseOf(top: Xlator): (fd: Fd) => void {
  const holders = subtree(top).filter(xlator => xlator.release !== Xlator.prototype.release);
  return fd => {
    for (const holder of holders) holder.release(fd);
  };
}

/** Closes what a child has opened for a fop that has failed as a whole, of which no fd is made. */
export function releaseUnused(child: Xlator, inode: Inode, { notes }: Opened): void {
  releaseOf(child)(new Fd(inode, 0, notes));
}
