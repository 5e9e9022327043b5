/** Makes the copies of a directory that are missing. */
import { errnoOf, isGone } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import { Inode } from '../../../../graph/inode.ts';
import { ANCESTRY_PATH } from '../../../../graph/fops/virtual-xattrs.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import type { Core } from '../core.ts';
import { asking } from '../keys.ts';
import { type Answer, askAll, type Directory, directoryFrom, inodeFor } from './copies.ts';
import { copyXattrs } from './heal-attributes.ts';
import { Locks, type Place } from './locks.ts';

/**
 * Makes the missing copies of the directory with this name, and answers what the children say afterwards; `undefined` if
 * it cannot be done. That waits for a mkdir, rmdir or rename of the name which is under way.
 */
export async function healCopies(core: Core, frame: Frame, place: Place): Promise<readonly Answer[] | undefined> {
  const own = ownFrame(frame);
  const ask = () => askAll(core, child => child.lookup(own, place.parent, place.name, asking()));
  try {
    await using locks = new Locks(core, frame);
    await locks.name(place);
    const answers = await ask();
    const now = directoryFrom(core, answers, undefined, place.hashed);
    if (now === undefined || now.missing.length === 0) return answers;
    await Promise.all(now.missing.map(child => makeCopy(core, own, place, now, child)));
    core.log.info({ name: place.name, gfid: now.found.iatt.gfid.toString('hex') }, 'made copies of a directory');
    return await ask();
  } catch (error) {
    core.log.warn({ code: errnoOf(error), err: error }, 'a directory is not on all subvolumes');
    return undefined;
  }
}

async function makeCopy(
  core: Core,
  own: Frame,
  place: Place,
  { found, known: { mds }, copies }: Directory,
  child: number,
): Promise<void> {
  const xlator = core.at(child);
  const { gfid, mode, uid, gid } = found.iatt;
  try {
    if (await moved(xlator, own, place, gfid)) return;
    const { iatt } = await xlator.mkdir(own, place.parent, place.name, { mode, gfid });
    const inode = inodeFor(iatt);
    if (iatt.uid !== uid || iatt.gid !== gid) await xlator.setattr(own, inode, { uid, gid, mode });
    await copyXattrs(core, own, inode, mds >= 0 ? mds : copies[0]!.child, [child]);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' && !isGone(error)) throw error; // The parent may be missing there as well.
  }
}

/**
 * Whether the child has the directory under another name, which a rename that was broken off has left, and has now been
 * made to have it under this one.
 */
async function moved(xlator: Xlator, own: Frame, place: Place, gfid: Buffer): Promise<boolean> {
  let iatt: Iatt;
  try {
    ({ iatt } = await xlator.discover(own, gfid, undefined));
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
  const value = (await xlator.getxattr(own, inodeFor(iatt), ANCESTRY_PATH)).get(ANCESTRY_PATH);
  const names =
    value
      ?.toString('latin1')
      .replace(/\0$/, '')
      .split('/')
      .filter(name => name !== '') ?? [];
  const last = names.pop();
  if (last === undefined) return false;
  let parent = new Inode(ROOT_GFID, FileType.DIR);
  for (const name of names) parent = inodeFor((await xlator.lookup(own, parent, name)).iatt);
  await xlator.rename(own, parent, last, place.parent, place.name);
  return true;
}
