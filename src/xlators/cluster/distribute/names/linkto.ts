/** Linkto files: on the subvolume that a name belongs to, they name the one that has the data. */
import { errnoOf, isGone } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { INTERNAL_FOP, LINKTO, LINKTO_MODE, ONLY_UNUSED_LINKTO } from '../keys.ts';
import { inodeFor } from '../directories/copies.ts';
import type { Place } from '../directories/locks.ts';

/** What a linkto file is for. */
export type Target = Pick<Iatt, 'gfid' | 'uid' | 'gid'>;

const NO_DEVICE = { major: 0, minor: 0 };

/** Makes the linkto file for an object that the child `at` has. One that is there is replaced by it. */
export function makeLinkto(core: Core, frame: Frame, place: Place, at: number, target: Target): Promise<void> {
  return make(core, frame, place, target, [
    [LINKTO, core.childNames[at]!],
    ['force-replace', 'yes'],
  ]);
}

/** The same, unless there is one. */
export async function ensureLinkto(core: Core, frame: Frame, place: Place, at: number, target: Target): Promise<void> {
  try {
    await make(core, frame, place, target, [[LINKTO, core.childNames[at]!]]);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

async function make(
  core: Core,
  frame: Frame,
  { parent, name, hashed }: Place,
  { gfid, uid, gid }: Target,
  keys: readonly (readonly [string, string])[],
): Promise<void> {
  const own = ownFrame(frame);
  const xdata = new Map([[INTERNAL_FOP, 'yes'], ...keys]);
  const child = core.at(hashed);
  const { iatt } = await child.mknod(own, parent, name, FileType.REG, { mode: LINKTO_MODE, gfid }, NO_DEVICE, xdata);
  if (iatt.uid !== uid || iatt.gid !== gid) await child.setattr(own, inodeFor(iatt), { uid, gid });
}

/** Removes a name on a child if it is a linkto file that nothing uses. Answers whether the name is now free there. */
export async function dropLinkto(core: Core, frame: Frame, { parent, name }: Place, child: number): Promise<boolean> {
  try {
    await core.at(child).unlink(ownFrame(frame), parent, name, ONLY_UNUSED_LINKTO);
    return true;
  } catch (error) {
    if (isGone(error)) return true;
    core.log.debug({ code: errnoOf(error), name }, 'a linkto file stays');
    return false;
  }
}
