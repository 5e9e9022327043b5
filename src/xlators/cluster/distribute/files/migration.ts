/**
 * What happens to a file while the rebalance daemon moves it. First (phase 1) it has two more bits in its mode and an
 * attribute that names the new place: changes are made in both places. Then (phase 2) the old place is a linkto file.
 */
import { isGone } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import type { Core } from '../core.ts';
import { askingLinkto, LINKTO_MODE, linktoOf, looksLikeLinkto, looksMigrating, MIGRATING, unmarked } from '../keys.ts';
import type { KnownFile } from '../known.ts';
import { byFd, byInode, locate, openAt } from './where.ts';

/** How long a file whose mode looks like a mark is known to have none, in milliseconds. */
const PLAIN_LASTS = 1000;

/** Where the attributes are in an answer. */
export interface Shape<R> {
  /** Those after the fop. */
  of(answer: R): Iatt | undefined;
  /** Those before the fop, if the answer has them. */
  before?(answer: R): Iatt | undefined;
  /** The answer with other attributes. */
  with(answer: R, change: (iatt: Iatt) => Iatt): R;
}

export const ITSELF: Shape<Iatt> = { of: iatt => iatt, with: (iatt, change) => change(iatt) };

export const inIatt = <R extends { readonly iatt?: Iatt }>(): Shape<R> => ({
  of: ({ iatt }) => iatt,
  with: (answer, change) => (answer.iatt === undefined ? answer : { ...answer, iatt: change(answer.iatt) }),
});

interface BeforeAfter {
  readonly before: Iatt | undefined;
  readonly after: Iatt | undefined;
}

export const inWcc = <R extends BeforeAfter>(): Shape<R> => ({
  of: ({ after }) => after,
  before: ({ before }) => before,
  with: (answer, change) => ({
    ...answer,
    before: answer.before && change(answer.before),
    after: answer.after && change(answer.after),
  }),
});

/** A file, or an open file. */
export type Target = Inode | Fd;

const inodeOf = (target: Target): Inode => ('inode' in target ? target.inode : target);

const call = <R>(core: Core, frame: Frame, target: Target, run: (child: Xlator) => Promise<R>): Promise<R> =>
  'inode' in target ? byFd(core, frame, target, run) : byInode(core, frame, target, run);

/** Runs a fop that reads, where the data are. */
export async function reading<R>(
  core: Core,
  frame: Frame,
  target: Target,
  shape: Shape<R>,
  run: (child: Xlator) => Promise<R>,
): Promise<R> {
  const answer = await call(core, frame, target, run);
  const iatt = shape.of(answer);
  if (!looksMigrating(iatt) && !looksLikeLinkto(iatt)) return answer;
  return settle(core, frame, target, shape, run, answer, false);
}

/** Runs a fop that changes the file, also on the new place if it is being moved. */
export async function changing<R>(
  core: Core,
  frame: Frame,
  target: Target,
  shape: Shape<R>,
  run: (child: Xlator) => Promise<R>,
): Promise<R> {
  const answer = await call(core, frame, target, run);
  const iatt = shape.of(answer);
  if (looksMigrating(iatt) || looksLikeLinkto(iatt)) return settle(core, frame, target, shape, run, answer, true);
  const before = shape.before?.(answer);
  if (iatt === undefined || before === undefined) return answer;
  return looksMigrating(before) || looksLikeLinkto(before)
    ? remark(core, frame, target, shape, run, answer, before, iatt)
    : answer;
}

/** A new mode has taken the marks of a migration from the old place: they are put back, since others go by them. */
async function remark<R>(
  core: Core,
  frame: Frame,
  target: Target,
  shape: Shape<R>,
  run: (child: Xlator) => Promise<R>,
  answer: R,
  before: Iatt,
  after: Iatt,
): Promise<R> {
  const inode = inodeOf(target);
  const known = core.knownFile(inode);
  if (known === undefined) return answer;
  const { at } = known;
  const to = await movedTo(core, frame, inode, known);
  if (to < 0 || known.at !== at) return answer;
  const isLinkto = looksLikeLinkto(before);
  const mode = isLinkto ? LINKTO_MODE : after.mode | MIGRATING;
  await core.at(at).setattr(ownFrame(frame), inode, { mode });
  if (isLinkto) {
    const now = await locate(core, frame, inode);
    return now.at === at ? answer : call(core, frame, target, run);
  }
  await repeat(core, frame, target, to, run);
  return shape.with(answer, unmarked);
}

async function settle<R>(
  core: Core,
  frame: Frame,
  target: Target,
  shape: Shape<R>,
  run: (child: Xlator) => Promise<R>,
  answer: R,
  repeats: boolean,
): Promise<R> {
  const inode = inodeOf(target);
  const known = core.knownFile(inode);
  if (known === undefined || known.plainUntil > performance.now()) return answer;
  const to = await movedTo(core, frame, inode, known);
  if (to < 0) {
    known.plainUntil = performance.now() + PLAIN_LASTS;
    return answer;
  }
  if (looksLikeLinkto(shape.of(answer))) {
    const now = await locate(core, frame, inode);
    return now.at === known.at ? answer : call(core, frame, target, run);
  }
  if (repeats) await repeat(core, frame, target, to, run);
  return shape.with(answer, unmarked);
}

/** The child that the file is moved to; -1 if it is not moved, and its mode is its user's choice. */
async function movedTo(core: Core, frame: Frame, inode: Inode, known: KnownFile): Promise<number> {
  try {
    const { xdata } = await core.at(known.at).discover(ownFrame(frame), inode.gfid, undefined, askingLinkto());
    const to = core.childNamed(linktoOf(xdata));
    return to === known.at ? -1 : to;
  } catch (error) {
    if (!isGone(error)) throw error;
    // The old place is no more: the file has been moved altogether.
    return (await locate(core, frame, inode)).at;
  }
}

/** Makes a change once more, in the new place. If that is no more, the daemon has given up, or has come to the end. */
async function repeat<R>(
  core: Core,
  frame: Frame,
  target: Target,
  to: number,
  run: (child: Xlator) => Promise<R>,
): Promise<void> {
  try {
    if ('inode' in target) await openAt(core, frame, target, to);
    await run(core.at(to));
  } catch (error) {
    if (!isGone(error)) throw error;
    const before = core.knownFile(inodeOf(target))?.at;
    const { at } = await locate(core, frame, inodeOf(target));
    if (at !== before) await call(core, frame, target, run);
  }
}
