/** Sends the fops of a file to the child that has it, wherever the rebalance daemon has moved it. */
import { errnoOf, FsError, isGone } from '../../../../errno.ts';
import type { Found, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { keepNotes, type Note } from '../../../../graph/note.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { O_CREAT, O_EXCL, O_TRUNC } from '../../../../sys/constants.ts';
import { type Core, answered } from '../core.ts';
import { askAll, directoryFrom, notFound } from '../directories/copies.ts';
import { healed, noteCommit } from '../directories/refresh.ts';
import { asking, isLinkto, looksMigrating, linktoOf, unmarked } from '../keys.ts';
import { foundAt, KnownFile } from '../known.ts';

/** The children on which an open file is open, in the slot of its fd. */
type OpenAt = Set<number>;

/** The note that an fd is open on the child. */
export const openNote = (core: Core, at: number, next: Note | undefined): Note => ({
  slot: core.slot,
  value: new Set([at]) satisfies OpenAt,
  next,
});

/** Finds an object by its gfid, on all children. */
export async function discover(core: Core, frame: Frame, gfid: Buffer, xdata?: Xdata): Promise<Found> {
  try {
    return await discoverOnce(core, frame, gfid, xdata);
  } catch (error) {
    // A file may have been moved between the answers of its old and its new place.
    if (errnoOf(error) !== 'ESTALE') throw error;
    return discoverOnce(core, frame, gfid, xdata);
  }
}

async function discoverOnce(core: Core, frame: Frame, gfid: Buffer, xdata: Xdata | undefined): Promise<Found> {
  const isRoot = gfid.equals(core.root.gfid);
  const ask = asking(xdata, isRoot);
  const answers = await askAll(core, child => child.discover(frame, gfid, undefined, ask));
  noteCommit(core, gfid, answers);
  const at = answers.findIndex(
    ({ found }) => found !== undefined && found.iatt.type !== FileType.DIR && !isLinkto(found.iatt, found.xdata),
  );
  if (at >= 0) {
    const found = answers[at]!.found!;
    const { iatt } = foundAt(found, core.slot, at);
    const isMoving = looksMigrating(iatt) && linktoOf(found.xdata) !== undefined;
    return { iatt: isMoving ? unmarked(iatt) : iatt, ...answered(xdata, found.xdata) };
  }
  const copies = answers.map(answer =>
    answer.found !== undefined && answer.found.iatt.type !== FileType.DIR ? { error: new FsError('ESTALE') } : answer,
  );
  const directory = directoryFrom(core, copies, xdata);
  if (directory === undefined) throw notFound(copies, 'ESTALE');
  return (await healed(core, frame, directory, xdata)).found;
}

/** Finds out which child has a file, and notes it. */
export async function locate(core: Core, frame: Frame, inode: Inode): Promise<KnownFile> {
  const { iatt } = await discover(core, ownFrame(frame), inode.gfid);
  keepNotes(inode.slots, iatt.notes);
  const known = core.knownFile(inode);
  if (known === undefined) throw new FsError('EISDIR');
  return known;
}

/** Calls the child that has the file, and once more if another child has it. */
export async function byInode<R>(
  core: Core,
  frame: Frame,
  inode: Inode,
  call: (child: Xlator, at: number) => Promise<R>,
): Promise<R> {
  const known = core.knownFile(inode) ?? (await locate(core, frame, inode));
  const { at } = known;
  try {
    return await call(core.at(at), at);
  } catch (error) {
    if (!isGone(error)) throw error;
    const now = await locate(core, frame, inode);
    if (now.at === at) throw error;
    return call(core.at(now.at), now.at);
  }
}

/** The same for an open file, which is opened where it is not open yet. */
export function byFd<R>(core: Core, frame: Frame, fd: Fd, call: (child: Xlator, at: number) => Promise<R>): Promise<R> {
  return byInode(core, frame, fd.inode, async (child, at) => {
    await openAt(core, frame, fd, at);
    return call(child, at);
  });
}

/** Opens the file on a child, unless it is open there or needs no opening. */
export async function openAt(core: Core, frame: Frame, fd: Fd, at: number): Promise<void> {
  if (fd.anonymous) return;
  const open = (fd.slots[core.slot] ??= new Set()) as OpenAt;
  if (open.has(at)) return;
  const flags = fd.flags & ~(O_CREAT | O_EXCL | O_TRUNC);
  const { notes } = await core.at(at).open(ownFrame(frame), fd.inode, flags);
  keepNotes(fd.slots, notes);
  open.add(at);
}
