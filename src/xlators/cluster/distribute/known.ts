/** What is remembered of inodes, in their slots. */
import type { Found } from '../../../graph/fops.ts';
import { RecentCookies } from '../../../graph/fops/cookies.ts';
import { FileType, type Iatt, type Wcc, isLater } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Note } from '../../../graph/note.ts';
import type { Layout } from './layout/layout.ts';

/** A file, or whatever else is no directory. */
export class KnownFile {
  /** The child that has it. */
  readonly at: number;
  /** Until when (of `performance.now()`) marks of a migration on it are taken for bits of its user's. */
  plainUntil = 0;

  constructor(at: number) {
    this.at = at;
  }
}

/** The times of a directory, the newest of all copies that were seen. */
type Newest = Pick<Iatt, 'mtime' | 'mtimeNsec' | 'ctime' | 'ctimeNsec' | 'atime' | 'atimeNsec'>;

export class KnownDir {
  readonly layout: Layout;
  /** The child with the copy whose attributes are right, see `keys.ts`; -1 if it is not known. */
  readonly mds: number;
  /** What {@link Core.generation} was when it was asked. */
  readonly generation: number;
  /** When it was asked, of `performance.now()`. */
  readonly asked = performance.now();
  newest: Newest;
  #recent: RecentCookies | undefined;

  constructor(layout: Layout, mds: number, generation: number, newest: Newest) {
    this.layout = layout;
    this.mds = mds;
    this.generation = generation;
    this.newest = newest;
  }

  get recent(): RecentCookies {
    return (this.#recent ??= new RecentCookies());
  }

  /** The attributes of one copy, as those of the whole directory. */
  show<I extends Iatt>(iatt: I): I {
    if (iatt.type !== FileType.DIR) return iatt;
    this.newest = newestOf(this.newest, iatt);
    return { ...iatt, ...DIRECTORY_SIZE, ...this.newest };
  }

  /** The attributes of the directory before and after a change of some of its copies. */
  wcc(...changes: readonly Wcc[]): Wcc {
    let shownBefore: Iatt | undefined;
    let shownAfter: Iatt | undefined;
    for (const { before } of changes) if (before !== undefined) shownBefore = this.show(before);
    for (const { after } of changes) if (after !== undefined) shownAfter = this.show(after);
    return { before: shownBefore, after: shownAfter };
  }
}

export type Known = KnownFile | KnownDir;

/** Each copy of a directory has a size of its own, which changes with the names in it. */
const DIRECTORY_SIZE = { size: 4096, used: 4096 };

function newestOf(a: Newest, b: Newest): Newest {
  const [m, c, x] = [
    isLater(b.mtime, b.mtimeNsec, a.mtime, a.mtimeNsec) ? b : a,
    isLater(b.ctime, b.ctimeNsec, a.ctime, a.ctimeNsec) ? b : a,
    isLater(b.atime, b.atimeNsec, a.atime, a.atimeNsec) ? b : a,
  ];
  return {
    mtime: m.mtime,
    mtimeNsec: m.mtimeNsec,
    ctime: c.ctime,
    ctimeNsec: c.ctimeNsec,
    atime: x.atime,
    atimeNsec: x.atimeNsec,
  };
}

/** Appends one list of notes to another. */
const joined = (a: Note | undefined, b: Note | undefined): Note | undefined =>
  a === undefined ? b : b === undefined ? a : { slot: a.slot, value: a.value, next: joined(a.next, b) };

/**
 * The attributes of a directory from those of its copies. What all copies have in common is taken from the first, times
 * are the newest, and the notes are those of all.
 */
export function mergedDirectory(copies: readonly [Iatt, ...Iatt[]]): Iatt {
  const [first, ...others] = copies;
  let newest: Newest = newestOf(first, first);
  let { notes } = first;
  for (const copy of others) {
    newest = newestOf(newest, copy);
    notes = joined(notes, copy.notes);
  }
  return { ...first, ...DIRECTORY_SIZE, ...newest, ...(notes && { notes }) };
}

/** Puts a note of what is known in front of the others. */
export const noting = <I extends Iatt>(iatt: I, slot: number, value: Known): I => ({
  ...iatt,
  notes: { slot, value, next: iatt.notes },
});

/** A found file, with a note of where it is. */
export function foundAt({ iatt, ...found }: Found, slot: number, at: number): Found {
  return { ...found, iatt: noting(iatt, slot, new KnownFile(at)) };
}

export function knownDir(inode: Inode, slot: number, generation: number): KnownDir | undefined {
  const known = inode.slots[slot];
  return known instanceof KnownDir && known.generation === generation ? known : undefined;
}
