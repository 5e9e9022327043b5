/** Makes objects that are on one subvolume: files and all that are no directories. */
import { errnoOf, FsError } from '../../../../errno.ts';
import { FopError, type Made, type Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { randomGfid } from '../../../../graph/gfid.ts';
import { type Core, isDown } from '../core.ts';
import { partOf } from '../directories/copies.ts';
import type { Place } from '../directories/locks.ts';
import { directoryOf, refresh } from '../directories/refresh.ts';
import { current, isSettled } from '../directories/settled.ts';
import { asking, LAYOUT, PREOP_FAILED, PREOP_KEY } from '../keys.ts';
import { type KnownDir, KnownFile, noting } from '../known.ts';
import { find } from './find.ts';
import { dropLinkto, ensureLinkto, makeLinkto } from './linkto.ts';

/** How often a layout may change under the hands of one call. */
const TRIES = 5;

/** What makes the object on a child. A gfid is given if it must have that one. */
export type Making = (child: Xlator, xdata: Xdata | undefined, gfid: Buffer | undefined) => Promise<Made>;

/**
 * The child that a new name belongs to, in a directory that is known.
 * @throws {FsError} ENOTCONN: it is down, or the child that has the range is; EIO: no child has it
 */
export async function homeOf(
  core: Core,
  frame: Frame,
  parent: Inode,
  name: string,
  isUnchecked = false,
): Promise<{ readonly dir: KnownDir; readonly hashed: number }> {
  let dir = await directoryOf(core, frame, parent);
  if (isUnchecked) dir = await current(core, frame, parent, dir);
  let hashed = core.hashed(dir.layout, name);
  if (hashed < 0) {
    dir = await refresh(core, frame, parent);
    hashed = core.hashed(dir.layout, name);
  }
  if (hashed < 0 && core.isAnyDown) throw core.away('the subvolume for the name is down');
  if (hashed < 0) throw new FsError('EIO', `EIO: ${core.name}: the layout of the directory has a hole`);
  core.at(hashed);
  return { dir, hashed };
}

/** Whether a child has a name in its range at this moment. Under the lock of the name it stays so. */
export async function isHome(core: Core, frame: Frame, { parent, name, hashed }: Place): Promise<boolean> {
  const found = await core.at(hashed).discover(ownFrame(frame), parent.gfid, undefined, asking());
  return core.isInRange(partOf({ found }), name);
}

/** The xdata with which a child makes a name only if its range of the directory is what this client believes. */
export function checking({ layout }: KnownDir, hashed: number, xdata: Xdata | undefined): Xdata | undefined {
  const range = layout.encoded(hashed);
  if (range === undefined) return xdata;
  return new Map([...(xdata ?? []), [PREOP_KEY, LAYOUT], [LAYOUT, range]]);
}

/** Whether the child has refused because its range of the directory is another one. */
const isOutdated = (error: unknown): boolean =>
  error instanceof FopError && error.code === 'EIO' && error.xdata?.has(PREOP_FAILED) === true;

/** Runs an attempt until the layout that it was made with is that of the child. */
export async function withLayout<R>(core: Core, frame: Frame, parent: Inode, attempt: () => Promise<R>): Promise<R> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isOutdated(error) || tries === TRIES) throw error;
      await refresh(core, frame, parent);
    }
  }
}

/**
 * Makes a new object where its name belongs, or elsewhere if there is no room. A brick checks what it is told of the
 * layout (`isChecked`) in CREATE and MKDIR only.
 */
export function makeNew(
  core: Core,
  frame: Frame,
  parent: Inode,
  name: string,
  making: Making,
  xdata: Xdata | undefined,
  chosen: Buffer | undefined,
  isChecked: boolean,
): Promise<Made> {
  return withLayout(core, frame, parent, async () => {
    const { dir, hashed } = await homeOf(core, frame, parent, name, !isChecked);
    const at = core.placeFor(frame, name, hashed);
    try {
      const make = () => {
        if (at === hashed) {
          const told = isChecked ? checking(dir, hashed, xdata) : xdata;
          return making(core.children[hashed]!, told, chosen);
        }
        const place = { parent, name, hashed };
        return makeElsewhere(core, frame, place, at, chosen, (child, gfid) => making(child, xdata, gfid));
      };
      const made = await unlessStale(core, frame, parent, name, make);
      if (!isChecked || at !== hashed) await pointFrom(core, frame, dir, { parent, name, hashed }, at, made);
      return shown(core, dir, at, made);
    } catch (error) {
      throw core.corrected(error, dir);
    }
  });
}

/**
 * Of a name that was made on a child which has not checked the layout: if it belongs to another child by now, a linkto file
 * there tells where it is. If the layout changes later, the daemon finds the name.
 */
export async function pointFrom(
  core: Core,
  frame: Frame,
  dir: KnownDir,
  place: Place,
  at: number,
  { iatt }: Made,
): Promise<void> {
  const known = await current(core, frame, place.parent, dir);
  const { layout } = isSettled(core, known) ? known : await refresh(core, frame, place.parent);
  const hashed = core.hashed(layout, place.name);
  if (hashed < 0 || hashed === at || hashed === place.hashed || !core.up[hashed]) return;
  await ensureLinkto(core, frame, { ...place, hashed }, at, iatt);
}

/** If the name is taken, but only by what points nowhere, that is removed and the name made after all. */
async function unlessStale(
  core: Core,
  frame: Frame,
  parent: Inode,
  name: string,
  make: () => Promise<Made>,
): Promise<Made> {
  try {
    return await make();
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    const isThere = await find(core, frame, parent, name, undefined, { everywhere: true }).then(
      () => true,
      failure => errnoOf(failure) !== 'ENOENT',
    );
    if (isThere) throw error;
    return make();
  }
}

/**
 * Makes an object on another child than its name belongs to. First comes the linkto file, which decides whether the name
 * is free; but whether a gfid that was chosen is free, only the object itself can tell.
 */
async function makeElsewhere(
  core: Core,
  frame: Frame,
  place: Place,
  at: number,
  chosen: Buffer | undefined,
  make: (child: Xlator, gfid: Buffer) => Promise<Made>,
): Promise<Made> {
  const { uid, gid } = frame.identity;
  const child = core.at(at);
  if (chosen !== undefined) {
    const made = await make(child, chosen);
    try {
      await makeLinkto(core, frame, place, at, made.iatt);
    } catch (error) {
      await child.unlink(ownFrame(frame), place.parent, place.name);
      throw error;
    }
    return made;
  }
  const gfid = randomGfid();
  await makeLinkto(core, frame, place, at, { gfid, uid, gid });
  try {
    return await make(child, gfid);
  } catch (error) {
    // A child that has gone down may have done it.
    if (!isDown(error)) await dropLinkto(core, frame, place, place.hashed);
    throw error;
  }
}

/** The answer for a new object, with a note of where it is. */
export function shown(core: Core, dir: KnownDir, at: number, made: Made): Made {
  return { ...made, iatt: noting(made.iatt, core.slot, new KnownFile(at)), parent: dir.wcc(made.parent) };
}
