/**
 * What happens to a file while the rebalance daemon moves it. First (phase 1) it has two more bits in its mode and an
 * attribute that names the new place: changes are made in both places. Then (phase 2) the old place is a linkto file.
 */
import { FsError, isGone } from '../../../../errno.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../../graph/inode.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import type { Core } from '../core.ts';
import {
  askingLinkto,
  LINKTO_MODE,
  linktoOf,
  looksLikeLinkto,
  looksMigrating,
  MIGRATING,
  PROTECT,
  unmarked,
} from '../keys.ts';
import type { KnownFile } from '../known.ts';
import { byFd, byInode, locate, openAt } from './where.ts';

/** What {@link movedTo} returns if the file is not moved, and its mode is its user's choice. */
const PLAIN = -1;
/** What it returns if the file is moved to a subvolume that is not known here. */
const ELSEWHERE = -2;
/** What it returns if the file is not moved any more: it is where it is known to be by now. */
const OVER = -3;

const PROTECTION = new Map([[PROTECT, Buffer.from('1\0')]]);
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
  /** The fop changes data, and cannot say in the call that the daemon may not write over the change. */
  readonly protects?: true;
}

/** Runs a fop on a child. `isCopy`: the child is the new place of a file that is being moved, and has it as a copy. */
type Run<R> = (child: Xlator, at: number, isCopy?: boolean) => Promise<R>;

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

/** For changes of data other than WRITE. */
export const inProtectedWcc = <R extends BeforeAfter>(): Shape<R> => ({ ...inWcc<R>(), protects: true });

/** A file, or an open file. */
export type Target = Inode | Fd;

const inodeOf = (target: Target): Inode => ('inode' in target ? target.inode : target);

const call = <R>(core: Core, frame: Frame, target: Target, run: Run<R>): Promise<R> =>
  'inode' in target ? byFd(core, frame, target, run) : byInode(core, frame, target, run);

/** Runs a fop that reads, where the data are. */
export async function reading<R>(core: Core, frame: Frame, target: Target, shape: Shape<R>, run: Run<R>): Promise<R> {
  const answer = await call(core, frame, target, run);
  const iatt = shape.of(answer);
  if (!looksMigrating(iatt) && !looksLikeLinkto(iatt)) return answer;
  return settle(core, frame, target, shape, run, answer, false);
}

/** Runs a fop that changes the file, also on the new place if it is being moved. */
export async function changing<R>(core: Core, frame: Frame, target: Target, shape: Shape<R>, run: Run<R>): Promise<R> {
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
  run: Run<R>,
  answer: R,
  before: Iatt,
  after: Iatt,
): Promise<R> {
  const inode = inodeOf(target);
  const known = core.knownFile(inode);
  if (known === undefined) return answer;
  const { at } = known;
  const to = await movedTo(core, frame, inode, known);
  if (to === PLAIN || to === OVER) return answer;
  const isLinkto = looksLikeLinkto(before);
  const mode = isLinkto ? LINKTO_MODE : after.mode | MIGRATING;
  await core.at(at).setattr(ownFrame(frame), inode, { mode });
  if (to === ELSEWHERE) throw outOfReach();
  if (isLinkto) {
    const now = await locate(core, frame, inode);
    return now.at === at ? answer : call(core, frame, target, run);
  }
  await repeat(core, frame, target, shape, to, run);
  return shape.with(answer, unmarked);
}

async function settle<R>(
  core: Core,
  frame: Frame,
  target: Target,
  shape: Shape<R>,
  run: Run<R>,
  answer: R,
  repeats: boolean,
): Promise<R> {
  const inode = inodeOf(target);
  const known = core.knownFile(inode);
  const isLinkto = looksLikeLinkto(shape.of(answer));
  if (known === undefined || (!isLinkto && known.plainUntil > performance.now())) return answer;
  const to = await movedTo(core, frame, inode, known);
  if (to === PLAIN) {
    known.plainUntil = performance.now() + PLAIN_LASTS;
    return answer;
  }
  if (to === OVER) return call(core, frame, target, run); // the answer came from the old place
  if (to === ELSEWHERE) {
    if (isLinkto || repeats) throw outOfReach();
    return shape.with(answer, unmarked); // it was read before the data went
  }
  if (isLinkto) {
    const now = await locate(core, frame, inode);
    return now.at === known.at ? answer : call(core, frame, target, run);
  }
  if (repeats) await repeat(core, frame, target, shape, to, run);
  return shape.with(answer, unmarked);
}

/**
 * A brick was added, and the rebalance daemon moves files to it before the new volfile has taken over here. A read would
 * find no data, and the daemon may have copied what a change has come too late for.
 */
const outOfReach = (): FsError =>
  new FsError('EJUKEBOX', 'the file is moved to a subvolume that is not known here, or not yet');

/** The child that the file is moved to; or {@link PLAIN}, {@link ELSEWHERE} or {@link OVER}. */
async function movedTo(core: Core, frame: Frame, inode: Inode, known: KnownFile): Promise<number> {
  try {
    const { iatt, xdata } = await core.at(known.at).discover(ownFrame(frame), inode.gfid, undefined, askingLinkto());
    const name = linktoOf(xdata);
    if (name === undefined) return looksMigrating(iatt) || looksLikeLinkto(iatt) ? PLAIN : OVER;
    const to = core.childNamed(name);
    if (to < 0) return ELSEWHERE;
    return to === known.at ? PLAIN : to;
  } catch (error) {
    if (!isGone(error)) throw error;
    // The old place is no more: the file has been moved altogether.
    return (await locate(core, frame, inode)).at;
  }
}

/**
 * Makes a change once more, in the new place, and keeps the daemon from writing over it what it has read before: it then leaves
 * the file where it is. If the new place is no more, the daemon has given up, or has come to the end.
 */
async function repeat<R>(
  core: Core,
  frame: Frame,
  target: Target,
  shape: Shape<R>,
  to: number,
  run: Run<R>,
): Promise<void> {
  const inode = inodeOf(target);
  try {
    if ('inode' in target) await openAt(core, frame, target, to);
    const child = core.at(to);
    const isCopy = core.knownFile(inode)?.at !== to; // it has been moved altogether otherwise
    if (isCopy && shape.protects) await child.setxattr(ownFrame(frame), inode, PROTECTION, 0);
    await run(child, to, isCopy);
  } catch (error) {
    if (!isGone(error)) throw error;
    const before = core.knownFile(inode)?.at;
    const { at } = await locate(core, frame, inode);
    if (at !== before) await call(core, frame, target, run);
  }
}
