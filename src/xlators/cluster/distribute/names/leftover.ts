/**
 * What is left of a name when it has been taken from the file. On a brick all linkto files of one object are further links
 * of one file: if one is left behind, and the rebalance daemon moves the object into another, the old name is back.
 */
import { errnoOf, isGone } from '../../../../errno.ts';
import type { Removed, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import type { Place } from '../directories/locks.ts';
import type { KnownDir } from '../known.ts';
import { asking, isLinkto, ONLY_LINKTO } from '../keys.ts';

/** Removes linkto files of a name from children where it may have belonged before. */
export async function clearFormer(
  core: Core,
  frame: Frame,
  { layout }: KnownDir,
  { parent, name, hashed }: Place,
  gfid: Buffer,
): Promise<void> {
  if (!core.hasMoved(layout)) return;
  const own = ownFrame(frame);
  const clear = async (child: number) => {
    const { iatt, xdata } = await core.at(child).lookup(own, parent, name, asking());
    if (isLinkto(iatt, xdata) && iatt.gfid.equals(gfid)) await core.at(child).unlink(own, parent, name, ONLY_LINKTO);
  };
  const others = core.upChildren.filter(child => child !== hashed);
  await Promise.all(
    others.map(async child => {
      try {
        await clear(child);
      } catch (error) {
        if (!isGone(error)) core.log.debug({ code: errnoOf(error), name }, 'a linkto file stays');
      }
    }),
  );
}

/**
 * Removes the name from a child that had, or was to get, a linkto file of it. The rebalance daemon may be filling that, or
 * may have made it the file itself.
 */
export async function clearHere(
  core: Core,
  frame: Frame,
  { parent, name }: Place,
  child: number,
  gfid: Buffer,
  xdata?: Xdata,
): Promise<Removed | undefined> {
  const own = ownFrame(frame);
  try {
    await core.at(child).unlink(own, parent, name, ONLY_LINKTO);
    return undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    if (errnoOf(error) !== 'EBUSY') {
      core.log.debug({ code: errnoOf(error), name }, 'a linkto file stays');
      return undefined;
    }
  }
  try {
    const { iatt } = await core.at(child).lookup(own, parent, name);
    return iatt.gfid.equals(gfid) ? await core.at(child).unlink(frame, parent, name, xdata) : undefined;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
