/** A directory has a copy on each subvolume. Here they are asked for, and made into one. */
import { FsError, isGone } from '../../../../errno.ts';
import type { Found, Xdata } from '../../../../graph/fops.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import { Inode } from '../../../../graph/inode.ts';
import { keepNotes } from '../../../../graph/note.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { answered, type Core, isDown } from '../core.ts';
import { LAYOUT, MDS } from '../keys.ts';
import { KnownDir, mergedDirectory, noting } from '../known.ts';
import { Layout, parseRange, type Part } from '../layout/layout.ts';

/** What a child has answered to a lookup. */
export type Answer =
  { readonly found: Found; readonly error?: undefined } | { readonly found?: undefined; readonly error: unknown };

/** Asks all children that are up, but for those whose answers are known. */
export function askAll(
  core: Core,
  call: (child: Xlator, i: number) => Promise<Found>,
  known: ReadonlyMap<number, Answer> = new Map(),
): Promise<Answer[]> {
  return Promise.all(
    core.children.map(async (child, i): Promise<Answer> => {
      const there = known.get(i);
      if (there !== undefined) return there;
      if (!core.up[i]) return { error: core.away(`${child.name} is down`) };
      try {
        return { found: await call(child, i) };
      } catch (error) {
        return { error };
      }
    }),
  );
}

/** The error for an object that no child has found: it is gone only if all have said so. */
export function notFound(answers: readonly Answer[], code: 'ENOENT' | 'ESTALE'): unknown {
  const other = answers.find(({ error }) => error !== undefined && !isGone(error) && !isDown(error));
  const down = answers.find(({ error }) => isDown(error));
  return other?.error ?? down?.error ?? new FsError(code);
}

interface Copy {
  readonly child: number;
  readonly found: Found;
}

/** A directory that was put together from its copies. */
export interface Directory {
  readonly found: Found;
  readonly known: KnownDir;
  readonly copies: readonly Copy[];
  /** The children that are up and have no copy. */
  readonly missing: readonly number[];
}

/**
 * The directory that these answers are of; `undefined` if no child has one. If the child `hashed` has one, directories
 * with another gfid are what an unfinished rename was to replace, and so they count as missing.
 * @throws {FsError} EIO: it is a directory here and a file there, or another directory
 */
export function directoryFrom(
  core: Core,
  answers: readonly Answer[],
  xdata?: Xdata,
  hashed = -1,
): Directory | undefined {
  const all = answers.flatMap(({ found }, child) => (found === undefined ? [] : [{ child, found }]));
  const any = all.find(({ child }) => child === hashed) ?? all[0];
  if (any === undefined) return undefined;
  const isSame = ({ found: { iatt } }: Copy) => iatt.gfid.equals(any.found.iatt.gfid);
  const differs = all.find(copy => copy.found.iatt.type !== FileType.DIR || (any.child !== hashed && !isSame(copy)));
  if (differs !== undefined) {
    const [a, b] = [any, differs].map(({ child }) => core.children[child]!.name);
    throw new FsError('EIO', `EIO: ${core.name}: the copies on ${a} and ${b} are not of one directory`);
  }
  const copies = all.filter(isSame);
  const isOther = (child: number) => all.some(copy => copy.child === child && !isSame(copy));
  const mds = copies.find(({ found }) => found.xdata?.has(MDS)) ?? any;
  const sorted = [mds, ...copies.filter(copy => copy !== mds)].map(({ found }) => found);
  const iatt = mergedDirectory(sorted.map(({ iatt }) => iatt) as [Iatt, ...Iatt[]]);
  const parents = sorted.flatMap(({ parent }) => (parent === undefined ? [] : [parent]));
  const known = new KnownDir(
    new Layout(answers.map((answer, child) => (isOther(child) ? 'missing' : partOf(answer)))),
    mds.found.xdata?.has(MDS) === true ? mds.child : -1,
    core.generation,
    iatt,
  );
  const parent = parents.length === 0 ? {} : { parent: mergedDirectory(parents as [Iatt, ...Iatt[]]) };
  return {
    found: { iatt: noting(iatt, core.slot, known), ...parent, ...answered(xdata, mds.found.xdata) },
    known,
    copies,
    missing: answers.flatMap(({ error }, child) =>
      isOther(child) || (error !== undefined && isGone(error)) ? [child] : [],
    ),
  };
}

export function partOf({ found, error }: Answer): Part {
  if (found === undefined) return isGone(error) ? 'missing' : 'down';
  const value = found.xdata?.get(LAYOUT);
  return (Buffer.isBuffer(value) ? parseRange(value) : undefined) ?? 'bare';
}

/** An inode for calls about an object that the table may not know. */
export function inodeFor({ gfid, type, notes }: Iatt): Inode {
  const inode = new Inode(gfid, type);
  keepNotes(inode.slots, notes);
  return inode;
}
