/** Fops on directories, which are made on all copies. */
import { errnoOf, FsError, isGone } from '../../../../errno.ts';
import type { SetAttr, StatReply, Time, WccReply, Xattrs, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { type Core, isDown, answered } from '../core.ts';
import { asking, MDS } from '../keys.ts';
import { KnownDir, mergedDirectory } from '../known.ts';
import { keepNotes } from '../../../../graph/note.ts';
import { type Answer, directoryFrom, notFound } from './copies.ts';
import { directoryOf, noteCommit } from './refresh.ts';

interface Result<R> {
  readonly child: number;
  readonly value: R;
}

/**
 * Calls all children that are up and answers what those say that have a copy.
 * @throws the first error of another kind; ESTALE if none has a copy
 */
export async function onCopies<R>(
  core: Core,
  call: (child: Xlator, i: number) => Promise<R>,
  children: readonly number[] = core.upChildren,
): Promise<readonly [Result<R>, ...Result<R>[]]> {
  const results = await Promise.allSettled(children.map(async i => ({ child: i, value: await call(core.at(i), i) })));
  const values: Result<R>[] = [];
  const errors: unknown[] = [];
  for (const result of results) {
    if (result.status === 'fulfilled') values.push(result.value);
    else errors.push(result.reason);
  }
  const failure = errors.find(error => !isGone(error) && !isDown(error));
  if (failure !== undefined) throw failure;
  const [first, ...rest] = values;
  if (first === undefined) throw errors.find(isDown) ?? errors[0] ?? core.away('no subvolume is up');
  return [first, ...rest];
}

/** The attributes of a directory. What the children tell of its layout is remembered. */
export async function statDirectory(core: Core, frame: Frame, inode: Inode, xdata?: Xdata): Promise<StatReply> {
  const ask = asking(xdata, inode.gfid.equals(core.root.gfid));
  const answers = await Promise.all(
    core.children.map(async (child, i): Promise<Answer> => {
      if (!core.up[i]) return { error: core.away(`${child.name} is down`) };
      try {
        const { xdata: reply, ...iatt } = await child.stat(frame, inode, ask);
        return { found: { iatt, ...(reply && { xdata: reply }) } };
      } catch (error) {
        return { error };
      }
    }),
  );
  noteCommit(core, inode.gfid, answers);
  const directory = directoryFrom(core, answers, xdata);
  if (directory === undefined) throw notFound(answers, 'ESTALE');
  const { iatt, xdata: reply } = directory.found;
  const { notes, ...shown } = iatt;
  // Only an answer that tells of ranges can take the place of what is known of them.
  if (directory.known.layout.isWhole) keepNotes(inode.slots, notes);
  return { ...shown, ...answered(xdata, reply) };
}

/** The copy whose attributes the others follow. */
const leader = (core: Core, known: KnownDir): number =>
  known.mds >= 0 && core.up[known.mds] ? known.mds : core.firstUp();

/**
 * The copy that is changed first. Without it nothing is changed, since the others are made to follow it again. Which one
 * it is only its own attributes tell, so it may be any that is down.
 */
function leaderOfChange(core: Core, { mds, layout }: KnownDir): number {
  if (mds >= 0) core.at(mds);
  else if (layout.parts.includes('down')) throw core.away('the leading copy of the directory may be down');
  return mds >= 0 ? mds : core.firstUp();
}

export async function setattrDirectory(
  core: Core,
  frame: Frame,
  inode: Inode,
  attr: SetAttr,
  guard?: Time,
  xdata?: Xdata,
): Promise<WccReply> {
  const known = await directoryOf(core, frame, inode);
  if (guard !== undefined) {
    const { notes: _, ...iatt } = await statDirectory(core, frame, inode);
    if (iatt.ctime !== guard.sec || iatt.ctimeNsec !== guard.nsec) throw new FsError('EAGAIN');
  }
  const first = leaderOfChange(core, known);
  const set = (child: Xlator) => child.setattr(frame, inode, attr, undefined, xdata);
  const reply = await onCopies(core, set, [first]);
  const others = core.upChildren.filter(child => child !== first);
  const rest = others.length === 0 ? [] : await onCopies(core, set, others).catch(ignoreGone);
  return wccOf(
    core,
    known,
    [...reply, ...rest].map(({ value }) => value),
  );
}

function ignoreGone(error: unknown): readonly never[] {
  if (!isGone(error) && !isDown(error)) throw error;
  return [];
}

/** The attributes before and after a change of all copies. They replace what was known of the times. */
function wccOf(core: Core, known: KnownDir, replies: readonly WccReply[]): WccReply {
  const merged = (iatts: readonly (Iatt | undefined)[]) => {
    const [first, ...rest] = iatts.filter(iatt => iatt !== undefined && iatt.type === FileType.DIR);
    return first === undefined ? undefined : mergedDirectory([first, ...(rest as Iatt[])]);
  };
  const before = merged(replies.map(({ before }) => before));
  const after = merged(replies.map(({ after }) => after));
  if (after !== undefined && replies.length === core.children.length) known.newest = after;
  const { xdata } = replies[0]!;
  return { before, after: after && known.show(after), ...(xdata && { xdata }) };
}

const minusOne = Buffer.from([255, 255, 255, 255]);
const plusOne = Buffer.from([0, 0, 0, 1]);

/**
 * Changes extended attributes on all copies. A count on the leading copy tells others to repeat it if that fails halfway.
 */
export async function changeXattrs(
  core: Core,
  frame: Frame,
  inode: Inode,
  change: (child: Xlator) => Promise<void>,
): Promise<void> {
  const known = await directoryOf(core, frame, inode);
  const first = leaderOfChange(core, known);
  const own = ownFrame(frame);
  const count = async (value: Buffer) => {
    if (known.mds >= 0) await core.at(first).xattrop(own, inode, 'add32', new Map([[MDS, value]]));
  };
  await count(minusOne);
  try {
    await onCopies(core, change, [first]);
  } catch (error) {
    await count(plusOne);
    throw error;
  }
  const others = core.upChildren.filter(child => child !== first);
  if (others.length > 0) {
    try {
      await onCopies(core, change, others);
    } catch (error) {
      // Without the attribute it is as it should be after a removal.
      if (!isGone(error) && errnoOf(error) !== 'ENODATA') throw error;
    }
  }
  if (!core.isAnyDown) await count(plusOne);
}

/** The extended attributes of a directory, from the copy that has them right. */
export async function getXattrs(
  core: Core,
  frame: Frame,
  inode: Inode,
  name: string | undefined,
  xdata?: Xdata,
): Promise<Xattrs> {
  const known = await directoryOf(core, frame, inode);
  const [{ value }] = await onCopies(core, child => child.getxattr(frame, inode, name, xdata), [leader(core, known)]);
  if (name !== undefined) return value;
  return new Map([...value].filter(([key]) => !key.startsWith('trusted.glusterfs.dht')));
}
