/** Renames a directory: on the child that the new name belongs to first, then on the others, and back if one cannot. */
import { errnoOf, FsError, isGone } from '../../../../errno.ts';
import type { Renamed, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt, Wcc } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { inodeFor } from './copies.ts';
import { remainsOf } from './empty.ts';
import { Locks, type Place } from './locks.ts';
import type { Hit } from '../names/find.ts';
import { ONLY_UNUSED_LINKTO } from '../keys.ts';
import { mergedDirectory } from '../known.ts';

interface Move {
  readonly from: Inode;
  readonly fromName: string;
  readonly to: Inode;
  readonly toName: string;
  /** The old name. */
  readonly a: Place;
  /** The new name. */
  readonly b: Place;
  readonly target: Hit | undefined;
}

/** @param isStill whether the names, which are locked by then, still lead where they did */
export async function renameDirectory(
  core: Core,
  frame: Frame,
  { from, fromName, to, toName, a, b, target }: Move,
  xdata: Xdata | undefined,
  isStill: () => Promise<boolean>,
): Promise<Renamed | undefined> {
  if (core.isAnyDown) throw core.away('a directory can only be renamed on all subvolumes');
  await using locks = new Locks(core, frame);
  await locks.names(a, b);
  if (!(await isStill())) return undefined;
  if (target !== undefined) await clearTarget(core, frame, inodeFor(target.found.iatt));
  const first = await core.at(b.hashed).rename(frame, from, fromName, to, toName, 0, xdata);
  const others = core.upChildren.filter(child => child !== b.hashed);
  const results = await Promise.allSettled(
    others.map(async child => core.at(child).rename(frame, from, fromName, to, toName, 0, xdata)),
  );
  const failed = results.find(result => result.status === 'rejected' && !isGone(result.reason)) as
    PromiseRejectedResult | undefined;
  if (failed === undefined) {
    const all = [first, ...results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))];
    return { ...first, from: newestWcc(all.map(({ from }) => from)), to: newestWcc(all.map(({ to }) => to)) };
  }
  const done = [b.hashed, ...others.filter((_, index) => results[index]!.status === 'fulfilled')];
  const own = ownFrame(frame);
  const undone = await Promise.allSettled(
    done.map(async child => core.at(child).rename(own, to, toName, from, fromName)),
  );
  if (undone.some(({ status }) => status === 'rejected')) {
    core.log.warn(
      { code: errnoOf(failed.reason), name: fromName },
      'a directory has different names on the subvolumes',
    );
  }
  throw failed.reason;
}

/** The attributes of a parent, which all children have changed. */
function newestWcc(changes: readonly Wcc[]): Wcc {
  const merged = (iatts: readonly (Iatt | undefined)[]) => {
    const [one, ...rest] = iatts.filter(iatt => iatt !== undefined);
    return one === undefined ? undefined : mergedDirectory([one, ...rest]);
  };
  return { before: merged(changes.map(({ before }) => before)), after: merged(changes.map(({ after }) => after)) };
}

/** @throws {FsError} ENOTEMPTY: the directory that is to be replaced has entries */
async function clearTarget(core: Core, frame: Frame, inode: Inode): Promise<void> {
  const remains = await remainsOf(core, frame, inode);
  if (remains === undefined) throw new FsError('ENOTEMPTY');
  const own = ownFrame(frame);
  await Promise.allSettled(
    remains.map(async ({ child, name }) => core.at(child).unlink(own, inode, name, ONLY_UNUSED_LINKTO)),
  );
}
