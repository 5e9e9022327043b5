import type { Time } from '../../../graph/fops.ts';
import { isLater, type Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import { SECTOR } from './layout.ts';
import { Turns } from './turns.ts';

/** What is known of a regular file, which may have blocks beside it. */
export class Base {
  readonly key: string;
  /** The inode that a call had last. */
  inode: Inode;
  /** 0: the file is not sharded. */
  blockSize = 0;
  /** The size in bytes, with all changes that are under way. */
  size = 0;
  /** What it occupies, in sectors. */
  sectors = 0;
  /** The attributes of the file as a brick has them. */
  iatt: Iatt | undefined;
  /** When it was learned, by {@link performance.now}; -Infinity: it no longer holds. */
  learnedAt = -Infinity;
  /** When a brick last answered what the size was after a change that was made here. */
  grewAt = -Infinity;
  /** The number of the last change of the size (see `Bases.mark`). */
  lastChange = 0;
  /** How many changes of the size have failed: it is not known whether the bricks have them. */
  failures = 0;
  /** The changes of the size that are under way. */
  readonly changes = new Set<Promise<unknown>>();
  /** What asks for the size at the moment. */
  asking: Promise<Base> | undefined;
  /** When a block other than the first one was written last, while the file does not have that time yet. */
  mtime: Time | undefined;
  /** What sets that time at the moment. */
  settingTime: Promise<unknown> | undefined;
  /** The blocks that were written since the last fsync, without the first one. */
  readonly unsynced = new Set<number>();
  /** Truncation and deletion are alone, all else is done together. */
  readonly turns = new Turns();
  /** How many calls use it. */
  users = 0;

  constructor(key: string, inode: Inode) {
    this.key = key;
    this.inode = inode;
  }

  /** Whether nothing would be lost if it were forgotten. */
  get isIdle(): boolean {
    return this.users === 0 && this.changes.size === 0 && this.unsynced.size === 0 && this.mtime === undefined;
  }
}

export const laterOf = (a: Time, b: Time | undefined): Time =>
  b !== undefined && isLater(b.sec, b.nsec, a.sec, a.nsec) ? b : a;

/** The attributes of a sharded file as clients see them. `iatt` are those of the file with its first block. */
export function shown(base: Base, iatt: Iatt): Iatt {
  const { mtime, size } = base;
  const used = base.sectors * SECTOR;
  if (mtime === undefined) return { ...iatt, size, used };
  const times = {
    ...(isLater(mtime.sec, mtime.nsec, iatt.mtime, iatt.mtimeNsec) && { mtime: mtime.sec, mtimeNsec: mtime.nsec }),
    ...(isLater(mtime.sec, mtime.nsec, iatt.ctime, iatt.ctimeNsec) && { ctime: mtime.sec, ctimeNsec: mtime.nsec }),
  };
  return { ...iatt, size, used, ...times };
}
