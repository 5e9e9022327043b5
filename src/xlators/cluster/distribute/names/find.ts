/** Finds a name: usually with one question, to the child that it belongs to. */
import { errnoOf, FsError, isGone } from '../../../../errno.ts';
import type { Found, Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { type Core, isDown, answered } from '../core.ts';
import { type Answer, askAll, type Directory, directoryFrom, notFound } from '../directories/copies.ts';
import { healCopies } from '../directories/heal.ts';
import { directoryOf, healed } from '../directories/refresh.ts';
import { current, isSettled } from '../directories/settled.ts';
import { asking, isLinkto, linktoOf, looksMigrating, unmarked } from '../keys.ts';
import { foundAt, type KnownDir } from '../known.ts';
import { judge } from './judge.ts';
import { mend, needsMending } from './mend.ts';

/** What a name leads to. */
export interface Hit {
  /** With notes of where it is. */
  readonly found: Found;
  /** The child with the data; -1 for a directory. */
  readonly at: number;
  /** The child that the name belongs to; -1 if none. */
  readonly hashed: number;
  readonly directory?: Directory;
  /** The child that the rebalance daemon is moving the file to. */
  readonly movingTo?: number;
}

/** What is looked for, and how. */
interface Search {
  readonly core: Core;
  readonly frame: Frame;
  readonly parent: Inode;
  readonly name: string;
  readonly xdata: Xdata | undefined;
  readonly how: How;
}

export interface How {
  /** Never to trust that a name which is not where it belongs does not exist. */
  readonly everywhere?: boolean;
  /** The caller has locked the name, and wants nothing to be put right. */
  readonly isLocked?: boolean;
}

/**
 * Finds a name.
 * @throws {FsError} ENOENT: it does not exist; ENOTCONN: the child that may have it is down
 */
export async function find(
  core: Core,
  frame: Frame,
  parent: Inode,
  name: string,
  xdata?: Xdata,
  how: How = {},
): Promise<Hit> {
  const search: Search = { core, frame, parent, name, xdata, how };
  const dir = await directoryOf(core, frame, parent, how.isLocked);
  const hit = name === '.' || name === '..' ? await dots(search) : await findIn(search, dir);
  return hit.found.parent === undefined ? hit : { ...hit, found: { ...hit.found, parent: dir.show(hit.found.parent) } };
}

const ask = ({ core, frame, parent, name, xdata }: Search, child: number): Promise<Found> =>
  core.at(child).lookup(frame, parent, name, asking(xdata));

/** `.` and `..` are on all children. */
async function dots(search: Search): Promise<Hit> {
  const { core, frame, xdata } = search;
  const answers = await askAll(core, (_, child) => ask(search, child));
  const directory = directoryFrom(core, answers, xdata);
  if (directory === undefined) throw notFound(answers, 'ESTALE');
  const whole = search.how.isLocked === true ? directory : await healed(core, frame, directory, xdata);
  return { found: whole.found, at: -1, hashed: -1, directory: whole };
}

async function findIn(search: Search, dir: KnownDir): Promise<Hit> {
  const { core, frame, parent, name } = search;
  const hashed = core.hashed(dir.layout, name);
  if (hashed < 0 || !core.up[hashed]) return findAnywhere(search, hashed);
  let found: Found;
  try {
    found = await ask(search, hashed);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'ENOTCONN' || code === 'ENODATA' || code === 'ESTALE') return findAnywhere(search, hashed);
    if (code !== 'ENOENT') throw error;
    const now = await current(core, frame, parent, dir, search.how.isLocked);
    if (core.hashed(now.layout, name) !== hashed) return findIn(search, now);
    if (mayTrust(search, now)) throw error;
    return findAnywhere(search, hashed);
  }
  if (found.iatt.type === FileType.DIR) return directoryAt(search, hashed, new Map([[hashed, { found }]]));
  if (isLinkto(found.iatt, found.xdata)) return follow(search, hashed, found);
  return fileAt(search, found, hashed, hashed);
}

/** Whether a name that is not where it belongs does not exist. */
function mayTrust({ core, how }: Search, dir: KnownDir): boolean {
  if (how.everywhere === true) return false;
  if (core.settings['lookup-optimize']) return isSettled(core, dir);
  return ['off', 'no', 'false', 'disable', '0'].includes(core.settings['lookup-unhashed']);
}

function fileAt({ core, xdata }: Search, found: Found, at: number, hashed: number): Hit {
  const shown = foundAt(found, core.slot, at);
  const { iatt, parent } = shown;
  const more = { ...(parent && { parent }), ...answered(xdata, found.xdata) };
  // The bits of a migration are the daemon's, if the file has also the attribute that it sets.
  const isMoving = looksMigrating(iatt) && linktoOf(found.xdata) !== undefined;
  if (!isMoving) return { found: { iatt, ...more }, at, hashed };
  const movingTo = core.childNamed(linktoOf(found.xdata));
  return { found: { iatt: unmarked(iatt), ...more }, at, hashed, ...(movingTo >= 0 && { movingTo }) };
}

/** Goes where a linkto file points. */
async function follow(search: Search, hashed: number, linkto: Found): Promise<Hit> {
  const { core } = search;
  const at = core.childNamed(linktoOf(linkto.xdata));
  const known = { found: linkto };
  if (at < 0 || at === hashed) return findAnywhere(search, hashed);
  let found: Found;
  try {
    found = await ask(search, at);
  } catch (error) {
    if (!isGone(error)) throw error;
    return findAnywhere(search, hashed);
  }
  const isData = found.iatt.type !== FileType.DIR && !isLinkto(found.iatt, found.xdata);
  if (!isData || !found.iatt.gfid.equals(linkto.iatt.gfid)) return findAnywhere(search, hashed);
  const { parent } = known.found;
  return fileAt(search, { ...found, ...(parent && { parent }) }, at, hashed);
}

/** Asks all children, and puts right what leads astray. */
async function findAnywhere(search: Search, hashed: number, again = 1): Promise<Hit> {
  const { core, parent, name, how } = search;
  const answers = await askAll(core, (_, child) => ask(search, child));
  const { verdict, repair } = judge(answers, hashed, name => core.childNamed(name));
  // A file may have been moved between the answers of its old and its new place.
  const isAllUp = !answers.some(({ error }) => isDown(error));
  if (verdict.kind === 'nothing' && isAllUp && again > 0) {
    return findAnywhere(search, hashed, again - 1);
  }
  if (how.isLocked !== true && needsMending(repair)) await mend(core, search.frame, { parent, name, hashed });
  if (verdict.kind === 'nothing') {
    const isStale = answers.every(({ error }) => errnoOf(error) === 'ESTALE');
    throw leadsAway(core, answers) ?? notFound(answers, isStale ? 'ESTALE' : 'ENOENT');
  }
  if (verdict.kind === 'conflict') {
    throw new FsError('EIO', `EIO: ${core.name}: ${name} is a directory on one subvolume and a file on another`);
  }
  if (verdict.kind === 'directory') {
    return directoryAt(search, hashed, new Map(answers.map((answer, child) => [child, answer])));
  }
  return fileAt(search, answers[verdict.at]!.found!, verdict.at, hashed);
}

/** The error if a linkto file points to a child that is down. */
function leadsAway(core: Core, answers: readonly Answer[]): FsError | undefined {
  for (const { found } of answers) {
    const target = found === undefined ? -1 : core.childNamed(linktoOf(found.xdata));
    if (target >= 0 && isDown(answers[target]?.error)) return core.away(`${core.children[target]!.name} is down`);
  }
  return undefined;
}

/** Asks the other children for a directory, and makes the copies and the layout that it lacks. */
async function directoryAt(search: Search, hashed: number, known: ReadonlyMap<number, Answer>): Promise<Hit> {
  const { core, frame, parent, name, xdata, how } = search;
  const answers = await askAll(core, (_, child) => ask(search, child), known);
  const files = answers.filter(({ found }) => found !== undefined && isLinkto(found.iatt, found.xdata));
  const named = files.length === 0 ? answers : answers.map(it => (files.includes(it) ? { error: gone } : it));
  let directory = directoryFrom(core, named, xdata, hashed);
  if (directory === undefined) throw notFound(named, 'ENOENT');
  if (how.isLocked === true) return { found: directory.found, at: -1, hashed, directory };
  if (directory.missing.length > 0 && hashed >= 0 && core.up[hashed]) {
    const again = await healCopies(core, frame, { parent, name, hashed });
    if (again !== undefined) {
      directory = directoryFrom(core, again, xdata, hashed);
      if (directory === undefined) throw notFound(again, 'ENOENT');
    }
  }
  const whole = await healed(core, frame, directory, xdata);
  return { found: whole.found, at: -1, hashed, directory: whole };
}

const gone = new FsError('ENOENT');
