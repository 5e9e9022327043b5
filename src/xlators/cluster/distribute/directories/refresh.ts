/** Finds out what a directory is like on all children, for those whose inode tells nothing or may tell what is past. */
import type { Found, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { keepNotes } from '../../../../graph/note.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Core } from '../core.ts';
import { asking, commitOf } from '../keys.ts';
import { KnownDir, knownDir } from '../known.ts';
import { Layout } from '../layout/layout.ts';
import { type Answer, askAll, type Directory, directoryFrom, notFound, partOf } from './copies.ts';
import { healAttributes, needsAttributes } from './heal-attributes.ts';
import { healLayout, needsLayout } from './heal-layout.ts';

const underWay = new WeakMap<Inode, Promise<KnownDir>>();

/** What is known of a directory, asked for if need be. `isLocked`: the caller holds locks in it. */
export function directoryOf(core: Core, frame: Frame, inode: Inode, isLocked = false): KnownDir | Promise<KnownDir> {
  return knownDir(inode, core.slot, core.generation) ?? refresh(core, frame, inode, isLocked);
}

/**
 * Asks all children anew, once for all that want it at the same time, and has the layout put right. That takes the lock of
 * the layout on all children, and so waits for callers that hold locks in the directory (`isLocked`): for them nothing is
 * put right, and they wait for no call that does so.
 */
export function refresh(core: Core, frame: Frame, inode: Inode, isLocked = false): Promise<KnownDir> {
  if (isLocked) return askAgain(core, frame, inode, true);
  const running = underWay.get(inode);
  if (running !== undefined) return running;
  const started = askAgain(core, frame, inode, false).finally(() => underWay.delete(inode));
  underWay.set(inode, started);
  return started;
}

async function askAgain(core: Core, frame: Frame, inode: Inode, isLocked: boolean): Promise<KnownDir> {
  const { known, found } = await byGfid(core, ownFrame(frame), inode.gfid, isLocked);
  keepNotes(inode.slots, found.iatt.notes);
  return known;
}

/** Notes the commit hash of the volume, if the answers are of its root. */
export function noteCommit(core: Core, gfid: Buffer, answers: readonly Answer[]): void {
  if (!gfid.equals(ROOT_GFID)) return;
  const commit = Math.max(0, ...answers.map(({ found }) => commitOf(found?.xdata)));
  if (new Layout(answers.map(partOf)).commit !== commit) core.settledSince = Infinity;
  else if (commit !== core.volumeCommit || core.settledSince === Infinity) core.settledSince = performance.now();
  core.volumeCommit = commit;
}

/** Finds a directory by its gfid, with its layout put right unless something is locked in it. */
async function byGfid(core: Core, frame: Frame, gfid: Buffer, isLocked: boolean): Promise<Directory> {
  const ask = asking(undefined, gfid.equals(ROOT_GFID));
  const answers = await askAll(core, child => child.discover(frame, gfid, undefined, ask));
  noteCommit(core, gfid, answers);
  const directory = directoryFrom(core, answers);
  if (directory === undefined) throw notFound(answers, 'ESTALE');
  return isLocked ? directory : healed(core, frame, directory);
}

/** The directory with its copies and its layout put right, if that is needed and can be done. */
export async function healed(core: Core, frame: Frame, directory: Directory, xdata?: Xdata): Promise<Directory> {
  if (needsAttributes(directory)) await healAttributes(core, frame, directory);
  if (!needsLayout(directory)) return directory;
  const answers = await healLayout(core, frame, directory);
  const again = answers && directoryFrom(core, answers, xdata);
  if (again === undefined) return directory;
  // The answers of the first question have what a lookup by gfid does not tell.
  const { parent } = directory.found;
  return { ...again, found: { ...again.found, ...(parent && { parent }) } satisfies Found };
}
