/**
 * Renames a file whose names are locked. The data stay on their child, so what changes is one name there, and the linkto
 * file where the new name belongs. At each moment one of the two names leads to the data, and a client that vanishes in
 * the middle leaves at most a linkto file that points nowhere, or both names.
 */
import { errnoOf, isGone } from '../../../../errno.ts';
import type { Renamed, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import { type Core, isDown } from '../core.ts';
import { inodeFor } from '../directories/copies.ts';
import type { Place } from '../directories/locks.ts';
import { directoryOf } from '../directories/refresh.ts';
import type { Hit } from './find.ts';
import { clearFormer, clearHere } from './leftover.ts';
import { dropLinkto, ensureLinkto, makeLinkto } from './linkto.ts';
import { mayChangeNames } from './rights.ts';

export interface Move {
  /** The old name. */
  readonly a: Place;
  /** The new name. */
  readonly b: Place;
  readonly source: Hit;
  readonly target: Hit | undefined;
}

const REPLACING: Xdata = new Map([['force-replace', 'yes']]);

/** The steps of one rename. */
class Mover {
  readonly core: Core;
  readonly frame: Frame;
  readonly move: Move;
  readonly xdata: Xdata | undefined;
  /** As root, but with the times of the caller. */
  readonly #own: Frame;

  constructor(core: Core, frame: Frame, move: Move, xdata: Xdata | undefined) {
    this.core = core;
    this.frame = frame;
    this.move = move;
    this.xdata = xdata;
    this.#own = { ...ownFrame(frame), ...(frame.times && { times: frame.times }) };
  }

  /** The child with the data. */
  get at(): number {
    return this.move.source.at;
  }

  /** Renames on one child. */
  renameAt(child: number, frame = this.frame): Promise<Renamed> {
    const { a, b } = this.move;
    return this.core.at(child).rename(frame, a.parent, a.name, b.parent, b.name, 0, this.xdata);
  }

  /** Gives the data the new name besides the old one. */
  link() {
    const { b, source } = this.move;
    const { frame, at } = this;
    return this.core.at(at).link(frame, inodeFor(source.found.iatt), b.parent, b.name, REPLACING);
  }

  unlinkAsCaller() {
    const { a } = this.move;
    return this.core.at(this.at).unlink(this.frame, a.parent, a.name, this.xdata);
  }

  /** Removes what is left when the rename is as good as done, or undone. */
  async remove(child: number, { parent, name }: Place): Promise<Buffer | undefined> {
    try {
      return (await this.core.at(child).unlink(this.#own, parent, name)).gone;
    } catch (error) {
      if (!isGone(error)) this.core.log.warn({ code: errnoOf(error), name }, 'a renamed file has left a name behind');
      return undefined;
    }
  }

  /** Takes a name back, unless a child has gone down that may have done what was to follow. Then both names stay. */
  async undo(error: unknown, child: number, place: Place): Promise<void> {
    if (!isDown(error)) await this.remove(child, place);
  }

  drop(child: number, place: Place): Promise<boolean> {
    return dropLinkto(this.core, this.frame, place, child);
  }

  /** Removes what still has the old name, and what a replaced file with further names may have left under the new one. */
  async clearOld(): Promise<void> {
    const { core, frame } = this;
    const { a, b, source, target } = this.move;
    const { gfid } = source.found.iatt;
    if (a.hashed !== source.at && core.up[a.hashed]) await clearHere(core, frame, a, a.hashed, gfid);
    const replaced = target !== undefined && target.found.iatt.nlink > 1 ? target.found.iatt.gfid : undefined;
    await Promise.all([
      clearFormer(core, frame, await directoryOf(core, frame, a.parent, true), a, gfid),
      replaced && clearFormer(core, frame, await directoryOf(core, frame, b.parent, true), b, replaced),
    ]);
  }

  /** Makes the linkto file with which the new name will be switched over, under the old name on the child of the new. */
  async prepare(): Promise<void> {
    const { a, b, source } = this.move;
    const place = { ...a, hashed: b.hashed };
    if (a.hashed === b.hashed) await ensureLinkto(this.core, this.frame, place, this.at, source.found.iatt);
    else await makeLinkto(this.core, this.frame, place, this.at, source.found.iatt);
  }

  /** Removes that linkto file, if it was not there before. */
  async unprepare(): Promise<void> {
    const { a, b } = this.move;
    if (a.hashed !== b.hashed) await this.drop(b.hashed, a);
  }
}

export async function moveFile(core: Core, frame: Frame, move: Move, xdata?: Xdata): Promise<Renamed> {
  const mover = new Mover(core, frame, move, xdata);
  const { a, b, source, target } = move;
  const isHome = source.at === b.hashed;
  if (!isHome) {
    const ask = (directory: Inode, ...taken: Iatt[]) => mayChangeNames(core, frame, source.at, directory, ...taken);
    const replaced = target === undefined ? [] : [target.found.iatt];
    if (a.parent.gfid.equals(b.parent.gfid)) await ask(a.parent, source.found.iatt, ...replaced);
    else await Promise.all([ask(a.parent, source.found.iatt), ask(b.parent, ...replaced)]);
  }
  const renamed = isHome
    ? await moveHome(mover)
    : target === undefined
      ? await moveToFree(mover)
      : target.at === source.at
        ? await moveOverNeighbour(mover)
        : await moveOver(mover);
  await mover.clearOld();
  return renamed;
}

/** The data are where the new name belongs: the child renames, over whatever has the name there. */
async function moveHome(mover: Mover): Promise<Renamed> {
  const { b, source, target } = mover.move;
  const { gone, ...renamed } = await mover.renameAt(source.at);
  const replaced = target === undefined || target.at === source.at ? gone : await mover.remove(target.at, b);
  return { ...renamed, gone: replaced };
}

/** The new name is free, and belongs to another child. */
async function moveToFree(mover: Mover): Promise<Renamed> {
  const { core, frame, at } = mover;
  const { b, source } = mover.move;
  await makeLinkto(core, frame, b, at, source.found.iatt);
  try {
    const made = await mover.link();
    try {
      // A client that found the linkto file while it led nowhere may have removed it.
      await ensureLinkto(core, frame, b, at, source.found.iatt);
      const removed = await mover.unlinkAsCaller();
      return { from: removed.parent, to: made.parent };
    } catch (error) {
      await mover.undo(error, at, b);
      throw error;
    }
  } catch (error) {
    if (!isDown(error)) await mover.drop(b.hashed, b);
    throw error;
  }
}

/** What is replaced is on the same child, which belongs to neither name: it replaces it by itself. */
async function moveOverNeighbour(mover: Mover): Promise<Renamed> {
  const { core, frame, at } = mover;
  const { b, source } = mover.move;
  await mover.prepare();
  let renamed: Renamed;
  try {
    renamed = await mover.renameAt(at);
  } catch (error) {
    if (!isDown(error)) await mover.unprepare();
    throw error;
  }
  try {
    await mover.renameAt(b.hashed, ownFrame(frame));
  } catch {
    // The old linkto file of the name is of the object that was replaced, and so leads nowhere.
    await makeLinkto(core, frame, b, at, source.found.iatt).catch(() => {});
  }
  return renamed;
}

/** What is replaced is on another child. The new name is switched over by the child that it belongs to. */
async function moveOver(mover: Mover): Promise<Renamed> {
  const { at } = mover;
  const { a, b, target } = mover.move;
  await mover.prepare();
  let renamed: Renamed;
  try {
    await mover.link();
    try {
      renamed = await mover.renameAt(b.hashed);
    } catch (error) {
      await mover.undo(error, at, b);
      throw error;
    }
  } catch (error) {
    if (!isDown(error)) await mover.unprepare();
    throw error;
  }
  await mover.remove(at, a);
  const { gone, ...rest } = renamed;
  return { ...rest, gone: target!.at === b.hashed ? gone : await mover.remove(target!.at, b) };
}
