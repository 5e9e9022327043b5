/** Writes the layout of a directory that has none, or one with holes. */
import { errnoOf, isGone } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { asking, Domain, LAYOUT } from '../keys.ts';
import { COMMIT_INVALID, encodeRange, type Layout, rangeOf } from '../layout/layout.ts';
import { type Answer, askAll, type Directory, directoryFrom, inodeFor } from './copies.ts';
import { Locks } from './locks.ts';

/** Whether a layout must be written, and all children can be asked for theirs. */
export function needsLayout({ known: { layout } }: Directory): boolean {
  const { holes, overlaps, bare, down } = layout.anomalies();
  return down === 0 && !layout.isFixed && (holes > 0 || overlaps > 0 || bare > 0);
}

/** Writes the ranges of a layout to those children. The error is that of the first that failed. */
export async function writeLayout(
  core: Core,
  frame: Frame,
  inode: Inode,
  layout: Layout,
  children: readonly number[],
): Promise<void> {
  const own = ownFrame(frame);
  const results = await Promise.allSettled(
    children.map(async child => {
      const range = layout.encoded(child);
      if (range !== undefined) await core.at(child).setxattr(own, inode, new Map([[LAYOUT, range]]), 0);
    }),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/**
 * Puts the layout right under the locks of all clients, and answers what the children say afterwards; `undefined` if it
 * cannot be done. What the layout was before it was locked does not matter.
 */
export async function healLayout(core: Core, frame: Frame, found: Directory): Promise<readonly Answer[] | undefined> {
  const { iatt } = found.found;
  const own = ownFrame(frame);
  const inode = inodeFor(iatt);
  const byName = [...found.copies].sort((a, b) => (nameOf(core, a) < nameOf(core, b) ? -1 : 1));
  try {
    await using locks = new Locks(core, frame);
    for (const { child } of byName) await locks.inode(child, Domain.LAYOUT, inode, 'write');
    const ask = () => askAll(core, child => child.discover(own, iatt.gfid, undefined, asking()));
    const answers = await ask();
    const now = directoryFrom(core, answers);
    if (now === undefined || !needsLayout(now)) return answers;
    const children = now.copies.map(({ child }) => child);
    await writeLayout(core, frame, inode, repaired(core, now), children);
    core.log.info({ gfid: iatt.gfid.toString('hex') }, 'wrote the layout of a directory');
    return await ask();
  } catch (error) {
    if (!isGone(error)) core.log.warn({ code: errnoOf(error), err: error }, 'the layout of a directory is not whole');
    return undefined;
  }
}

const nameOf = (core: Core, { child }: { readonly child: number }): string => core.childNames[child]!;

/** The layout that the directory ought to have. */
function repaired(core: Core, { found, known: { layout }, copies }: Directory): Layout {
  if (layout.isWhole) {
    // Some children were added: they have no part in it, and must say so.
    return layout.with(part => (part === 'bare' ? rangeOf(0, 0, layout.commit) : part));
  }
  const there = new Set(copies.map(({ child }) => child));
  // Names may be anywhere but where the layout says from here on, which the commit hash tells.
  return core.spread(found.iatt.gfid, child => there.has(child), COMMIT_INVALID);
}

/** The attribute of a copy that has no part in the layout. */
export const noRange = (commit: number): Buffer => encodeRange(rangeOf(0, 0, commit));
