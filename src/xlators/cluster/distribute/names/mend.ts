/** Puts right what a client that vanished in the middle of something has left under a name. */
import { errnoOf, isGone } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { type Answer, askAll } from '../directories/copies.ts';
import { Locks, type Place } from '../directories/locks.ts';
import { asking } from '../keys.ts';
import { judge, type Repair } from './judge.ts';
import { dropLinkto, makeLinkto } from './linkto.ts';

export const needsMending = ({ lacksLinkto, stale, shadowed }: Repair): boolean =>
  lacksLinkto || stale.length > 0 || shadowed.length > 0;

/**
 * Removes linkto files that lead nowhere and names that no lookup leads to, and makes the linkto file that is missing. It
 * waits for whatever is at work on the name, and does what is needed after that.
 */
export async function mend(core: Core, frame: Frame, place: Place): Promise<void> {
  const { parent, name, hashed } = place;
  if (hashed < 0 || !core.up[hashed]) return;
  const own = ownFrame(frame);
  try {
    await using locks = new Locks(core, frame);
    await locks.name(place);
    const answers = await askAll(core, child => child.lookup(own, parent, name, asking()));
    const { verdict, repair } = judge(answers, hashed, one => core.childNamed(one));
    if (!core.isAnyDown) {
      await Promise.all(repair.stale.map(child => dropLinkto(core, frame, place, child)));
      await Promise.all(repair.shadowed.map(child => dropShadowed(core, own, place, child, answers[child])));
    }
    if (verdict.kind !== 'file' || !repair.lacksLinkto) return;
    await makeLinkto(core, frame, place, verdict.at, answers[verdict.at]!.found!.iatt);
  } catch (error) {
    core.log.debug({ code: errnoOf(error), err: error, name }, 'a name is not pointed to from where it belongs');
  }
}

/**
 * Removes a name of a file on a subvolume where no lookup finds it, but only if the file has another name too. The last
 * name of a file is kept, since what it has may be all that is left of a user's data.
 */
async function dropShadowed(
  core: Core,
  own: Frame,
  { parent, name }: Place,
  child: number,
  answer: Answer | undefined,
): Promise<void> {
  const iatt = answer?.found?.iatt;
  if (iatt === undefined) return;
  if (iatt.nlink < 2) {
    core.log.warn({ name, gfid: iatt.gfid.toString('hex') }, 'several subvolumes have a file of this name');
    return;
  }
  try {
    await core.at(child).unlink(own, parent, name);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}
