/** Further names of a file, and their removal. */
import { errnoOf, FsError } from '../../../../errno.ts';
import { FopError, type Made, type Removed, type Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { type Core, isDown } from '../core.ts';
import { directoryOf } from '../directories/refresh.ts';
import { byInode } from '../files/where.ts';
import { find, type Hit } from './find.ts';
import { dropLinkto, makeLinkto } from './linkto.ts';
import { homeOf, pointFrom, shown, withLayout } from './make.ts';

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

/** Removes a name: first from the data, then where it belongs. What is left if that fails points nowhere. */
export async function unlink(core: Core, frame: Frame, parent: Inode, name: string, xdata?: Xdata): Promise<Removed> {
  const { at, hashed } = await findNow(core, frame, parent, name);
  if (at < 0) throw await failure(core, frame, parent, 'EISDIR');
  const dir = await directoryOf(core, frame, parent);
  try {
    const removed = await core.at(at).unlink(frame, parent, name, xdata);
    if (hashed >= 0 && hashed !== at && core.up[hashed]) {
      await dropLinkto(core, frame, { parent, name, hashed }, hashed);
    }
    return { ...removed, parent: dir.wcc(removed.parent) };
  } catch (error) {
    throw core.corrected(error, dir);
  }
}
