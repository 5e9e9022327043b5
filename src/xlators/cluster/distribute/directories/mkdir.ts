/** Makes a directory: a copy on each child, and a layout. */
import { errnoOf } from '../../../../errno.ts';
import type { Made, NewAttr, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Iatt, Wcc } from '../../../../graph/iatt.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { randomGfid } from '../../../../graph/gfid.ts';
import { asking, Domain, LAYOUT, MDS } from '../keys.ts';
import { KnownDir, mergedDirectory, noting } from '../known.ts';
import { Layout } from '../layout/layout.ts';
import { checking, homeOf, withLayout } from '../names/make.ts';
import { inodeFor } from './copies.ts';
import { writeLayout } from './heal-layout.ts';
import { Locks } from './locks.ts';
import { refresh } from './refresh.ts';

/** A copy of the new directory. */
interface Copy {
  readonly child: number;
  readonly iatt: Iatt;
}

const FRESH = Buffer.alloc(4);

export function mkdir(
  core: Core,
  frame: Frame,
  parent: Inode,
  name: string,
  attr: NewAttr,
  xdata?: Xdata,
): Promise<Made> {
  const whole: NewAttr = { ...attr, gfid: attr.gfid ?? randomGfid() };
  return withLayout(core, frame, parent, async () => {
    const { dir, hashed } = await homeOf(core, frame, parent, name);
    try {
      const { copies, wcc } = await makeCopies(core, frame, dir, { parent, name, hashed }, whole, xdata);
      const first = copies[0]!.iatt;
      const known = await giveLayout(core, frame, hashed, copies);
      const iatt = mergedDirectory([first, ...copies.slice(1).map(({ iatt }) => iatt)]);
      return { iatt: known === undefined ? iatt : noting(iatt, core.slot, known), parent: dir.wcc(...wcc) };
    } catch (error) {
      throw core.corrected(error, dir);
    }
  });
}

interface Where {
  readonly parent: Inode;
  readonly name: string;
  readonly hashed: number;
}

/** Makes the copies, first the one where the name belongs: it decides whether the name is free. */
async function makeCopies(
  core: Core,
  frame: Frame,
  dir: KnownDir,
  { parent, name, hashed }: Where,
  attr: NewAttr,
  xdata: Xdata | undefined,
): Promise<{ readonly copies: readonly Copy[]; readonly wcc: readonly Wcc[] }> {
  await using locks = new Locks(core, frame);
  await locks.name({ parent, name, hashed });
  const first: Xdata = new Map([...(checking(dir, hashed, xdata) ?? []), [MDS, FRESH]]);
  const made = await core.at(hashed).mkdir(frame, parent, name, attr, first);
  const others = await Promise.all(
    core.upChildren
      .filter(child => child !== hashed)
      .map(async (child): Promise<(Copy & { readonly wcc: Wcc }) | undefined> => {
        try {
          const { iatt, parent: wcc } = await core.at(child).mkdir(frame, parent, name, attr, xdata);
          return { child, iatt, wcc };
        } catch (error) {
          core.log.debug({ code: errnoOf(error), name }, 'a new directory is not on all subvolumes');
          return undefined;
        }
      }),
  );
  const rest = others.filter(copy => copy !== undefined);
  return { copies: [{ child: hashed, iatt: made.iatt }, ...rest], wcc: [made.parent, ...rest.map(({ wcc }) => wcc)] };
}

/** Writes the layout of a new directory, unless another client has found it and done so. */
async function giveLayout(
  core: Core,
  frame: Frame,
  hashed: number,
  copies: readonly Copy[],
): Promise<KnownDir | undefined> {
  const own = ownFrame(frame);
  const { iatt } = copies[0]!;
  const inode = inodeFor(iatt);
  try {
    if (core.volumeCommit === undefined) await refresh(core, frame, core.root);
    await using locks = new Locks(core, frame);
    await locks.inode(hashed, Domain.LAYOUT, inode, 'write');
    const { xdata } = await core.at(hashed).discover(own, iatt.gfid, undefined, asking());
    if (xdata?.has(LAYOUT) === true) return undefined;
    const children = copies.map(({ child }) => child);
    const layout = core.spread(iatt.gfid, child => children.includes(child), core.volumeCommit ?? 0);
    await writeLayout(core, frame, inode, layout, children);
    const parts = layout.parts.map((part, i) => (children.includes(i) ? part : core.up[i] ? 'missing' : 'down'));
    return new KnownDir(new Layout(parts), hashed, core.generation, iatt);
  } catch (error) {
    // Whatever comes to the directory next writes its layout.
    core.log.debug({ code: errnoOf(error), err: error }, 'a new directory has no layout yet');
    return undefined;
  }
}
