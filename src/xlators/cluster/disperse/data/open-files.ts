/** Which bricks an fd is open on: those that were up at its open. On others its inode's anonymous fd stands in. */
import type { Opened } from '../../../../graph/fops.ts';
import { Fd, type Inode } from '../../../../graph/inode.ts';
import { releaseOf } from '../../../../graph/subtree.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { O_TRUNC, O_APPEND } from '../../../../sys/constants.ts';
import { type Bricks, has } from '../bricks.ts';

/** Flags of open(2) that bricks are not given: none may truncate a file itself, or choose where a fragment is written. */
export const OURS = O_TRUNC | O_APPEND;

/** What the slot of an fd holds. */
export interface OpenFile {
  readonly bricks: Bricks;
  readonly flags: number;
}

const openFile = (fd: Fd, slot: number): OpenFile | undefined => fd.slots[slot] as OpenFile | undefined;

/** The fd to be used with a brick. */
export function fdAt(fd: Fd, slot: number, index: number): Fd {
  if (fd.anonymous) return fd;
  const file = openFile(fd, slot);
  return file === undefined || has(file.bricks, index) ? fd : fd.inode.fd;
}

/** Whether data are written at the end of the file, wherever the caller says. */
export const appends = (fd: Fd, slot: number): boolean => ((openFile(fd, slot)?.flags ?? 0) & O_APPEND) !== 0;

/** Closes what one brick has opened, since the open as a whole has failed. */
export const close = (child: Xlator, inode: Inode, { notes }: Opened): void =>
  releaseOf(child)(new Fd(inode, 0, notes));
