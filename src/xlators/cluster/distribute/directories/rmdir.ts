/** Removes a directory: from where its name belongs last, so that it exists until then. */
import { FsError, errnoOf, isGone } from '../../../../errno.ts';
import type { Removed, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import type { Iatt, Wcc } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import { type Core, isDown } from '../core.ts';
import { LAYOUT, ONLY_UNUSED_LINKTO } from '../keys.ts';
import type { KnownDir } from '../known.ts';
import { failure, findNow } from '../names/link.ts';
import { homeOf } from '../names/make.ts';
import { inodeFor } from './copies.ts';
import { type Remains, remainsOf } from './empty.ts';
import { noRange } from './heal-layout.ts';
import { Locks, type Place } from './locks.ts';

export async function rmdir(core: Core, frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed> {
  const { found, directory } = await findNow(core, frame, parent, name);
  if (directory === undefined) throw await failure(core, frame, parent, 'ENOTDIR');
  if (found.iatt.gfid.equals(ROOT_GFID)) throw new FsError('EINVAL');
  if (core.isAnyDown) throw core.away('a directory can only be removed from all subvolumes');
  const { dir, hashed } = await homeOf(core, frame, parent, name);
  const inode = inodeFor(found.iatt);
  const remains = await remainsOf(core, frame, inode);
  if (remains === undefined) throw await failure(core, frame, parent, 'ENOTEMPTY');
  const place: Place = { parent, name, hashed };
  try {
    await using locks = new Locks(core, frame);
    await locks.name(place);
    await clear(core, frame, inode, remains);
    const others = core.upChildren.filter(child => child !== hashed);
    const removal = await removeFrom(core, frame, place, others, xdata);
    let error = removal.error;
    const wcc = [...removal.wcc];
    if (error === undefined) {
      try {
        const removed = await core.at(hashed).rmdir(frame, parent, name, xdata);
        wcc.push(removed.parent);
      } catch (failed) {
        if (!isGone(failed) || removal.gone.length === 0) error = failed;
      }
    }
    if (error !== undefined) {
      // A child that has gone down may have removed it. If not, the next lookup makes the other copies.
      if (!isDown(error)) await restore(core, frame, place, found.iatt, directory.known, removal.gone);
      throw error;
    }
    return { parent: dir.wcc(...wcc), gone: found.iatt.gfid };
  } catch (error) {
    throw core.corrected(error, dir);
  }
}

/** Removes linkto files, which are all that is left in a directory. */
async function clear(core: Core, frame: Frame, inode: Inode, remains: Remains): Promise<void> {
  const own = ownFrame(frame);
  await Promise.all(
    remains.map(async ({ child, name }) => {
      try {
        await core.at(child).unlink(own, inode, name, ONLY_UNUSED_LINKTO);
      } catch (error) {
        core.log.debug({ code: errnoOf(error), name }, 'a linkto file stays');
      }
    }),
  );
}

interface Removal {
  /** The children that had a copy and have none now. */
  readonly gone: readonly number[];
  /** What they say of the parent. */
  readonly wcc: readonly Wcc[];
  readonly error: unknown;
}

async function removeFrom(
  core: Core,
  frame: Frame,
  { parent, name }: Place,
  children: readonly number[],
  xdata?: Xdata,
): Promise<Removal> {
  const results = await Promise.allSettled(children.map(async i => core.at(i).rmdir(frame, parent, name, xdata)));
  const gone = children.filter((_, index) => results[index]!.status === 'fulfilled');
  const failed = results.find(result => result.status === 'rejected' && !isGone(result.reason)) as
    PromiseRejectedResult | undefined;
  const wcc = results.flatMap(result => (result.status === 'fulfilled' ? [result.value.parent] : []));
  return { gone, wcc, error: failed?.reason };
}

/** Makes copies again that were removed, each with the range that it had. */
async function restore(
  core: Core,
  frame: Frame,
  { parent, name }: Place,
  { gfid, mode, uid, gid }: Iatt,
  { layout }: KnownDir,
  children: readonly number[],
): Promise<void> {
  const own = ownFrame(frame);
  await Promise.allSettled(
    children.map(async child => {
      const xdata: Xdata = new Map([[LAYOUT, layout.encoded(child) ?? noRange(layout.commit)]]);
      const { iatt } = await core.at(child).mkdir(own, parent, name, { mode, gfid }, xdata);
      if (iatt.uid !== uid || iatt.gid !== gid) await core.at(child).setattr(own, inodeFor(iatt), { uid, gid });
    }),
  );
}
