/** Further names of a file, and their removal. */
import { errnoOf, FsError, isGone } from '../../../../errno.ts';
import { FopError, type Made, type Removed, type Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { type Core, isDown } from '../core.ts';
import { directoryOf } from '../directories/refresh.ts';
import { byInode } from '../files/where.ts';
import type { Place } from '../directories/locks.ts';
import { find, type Hit } from './find.ts';
import { clearFormer, clearHere } from './leftover.ts';
import { dropLinkto, makeLinkto } from './linkto.ts';
import { homeOf, pointFrom, shown, withLayout } from './make.ts';
import { mayChangeNames } from './rights.ts';

/** Gives a file another name, which stands where its data are. Where the name belongs, a linkto file tells so. */
export function link(
  core: Core,
  frame: Frame,
  inode: Inode,
  parent: Inode,
  name: string,
  xdata?: Xdata,
): Promise<Made> {
  return withLayout(core, frame, parent, async () => {
    const { dir, hashed } = await homeOf(core, frame, parent, name, true);
    try {
      const { at, made } = await byInode(core, frame, inode, async (child, at) => {
        if (at === hashed) return { at, made: await child.link(frame, inode, parent, name, xdata) };
        const place = { parent, name, hashed };
        const target = await child.stat(frame, inode);
        if (target.type === FileType.DIR) throw new FsError('EPERM');
        await mayChangeNames(core, frame, at, parent);
        await point(core, frame, place, at, target);
        try {
          return { at, made: await child.link(frame, inode, parent, name, xdata) };
        } catch (error) {
          // A child that has gone down may have done it.
          if (!isDown(error)) await dropLinkto(core, frame, place, hashed);
          throw error;
        }
      });
      await pointFrom(core, frame, dir, { parent, name, hashed }, at, made);
      return shown(core, dir, at, made);
    } catch (error) {
      throw core.corrected(error, dir);
    }
  });
}

/** Makes the linkto file of a new name, unless the name is taken. */
async function point(
  core: Core,
  frame: Frame,
  place: { readonly parent: Inode; readonly name: string; readonly hashed: number },
  at: number,
  target: Iatt,
): Promise<void> {
  const hit = await find(core, frame, place.parent, place.name, undefined, { everywhere: true }).catch(notThere);
  if (hit !== undefined) throw await failure(core, frame, place.parent, 'EEXIST');
  await makeLinkto(core, frame, place, at, target);
}

export function notThere(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error;
}

/** An error about a name that no child was asked to change, with the attributes of the directory. */
export async function failure(
  core: Core,
  frame: Frame,
  parent: Inode,
  code: 'ENOENT' | 'EEXIST' | 'EISDIR' | 'ENOTDIR' | 'ENOTEMPTY',
): Promise<FsError> {
  const dir = await directoryOf(core, frame, parent);
  const iatt = dir.show(await core.at(core.firstUp()).stat(frame, parent));
  return new FopError(code, code, { before: iatt, after: iatt });
}

/** Finds a name that is to be removed or changed, wherever it is. */
export async function findNow(core: Core, frame: Frame, parent: Inode, name: string): Promise<Hit> {
  const hit = await find(core, frame, parent, name, undefined, { everywhere: true }).catch(notThere);
  if (hit === undefined) throw await failure(core, frame, parent, 'ENOENT');
  return hit;
}

/** How often a file may be moved while it is being removed. */
const TRIES = 5;

/** Removes a name: first from the data, then where it belongs. What is left if that fails points nowhere. */
export async function unlink(core: Core, frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed> {
  const hit = await findNow(core, frame, parent, name);
  const dir = await directoryOf(core, frame, parent);
  try {
    const removed = await unlinkAt(core, frame, parent, name, hit, xdata);
    return { ...removed, parent: dir.wcc(removed.parent) };
  } catch (error) {
    throw core.corrected(error, dir);
  }
}

async function unlinkAt(
  core: Core,
  frame: Frame,
  parent: Inode,
  name: string,
  hit: Hit,
  xdata: Xdata | undefined,
  tries = TRIES,
): Promise<Removed> {
  const { at, hashed, movingTo = hashed, found } = hit;
  const { gfid, nlink } = found.iatt;
  if (at < 0) throw await failure(core, frame, parent, 'EISDIR');
  let removed: Removed;
  try {
    removed = await core.at(at).unlink(frame, parent, name, xdata);
  } catch (error) {
    // The rebalance daemon may have moved it meanwhile.
    const now = isGone(error) && tries > 0 ? await findNow(core, frame, parent, name) : hit;
    if (now.at === at || !now.found.iatt.gfid.equals(gfid)) throw error;
    return unlinkAt(core, frame, parent, name, now, xdata, tries - 1);
  }
  const place: Place = { parent, name, hashed };
  const pointing = new Set([hashed, movingTo].filter(child => child >= 0 && child !== at && core.up[child]));
  for (const child of pointing) {
    // What was removed may have been what the daemon leaves behind when it has moved the file.
    removed = (await clearHere(core, frame, place, child, gfid, xdata)) ?? removed;
  }
  if (nlink > 1) await clearFormer(core, frame, await directoryOf(core, frame, parent), place, gfid);
  return removed;
}
