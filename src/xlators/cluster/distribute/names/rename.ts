/** Renames. */
import { errnoOf, FsError, type Errno, isGone } from '../../../../errno.ts';
import { FopError, RenameFlag, type Renamed, type Xdata } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Core } from '../core.ts';
import { inodeFor } from '../directories/copies.ts';
import { Locks, type Place } from '../directories/locks.ts';
import { directoryOf, refresh } from '../directories/refresh.ts';
import { renameDirectory } from '../directories/rename.ts';
import { Domain } from '../keys.ts';
import { find, type Hit } from './find.ts';
import { notThere } from './link.ts';
import { homeOf, isHome } from './make.ts';
import { moveFile } from './move.ts';

/** How often what is renamed may change while its locks are waited for. */
const TRIES = 5;

/** The two names of a rename. */
export interface Names {
  readonly from: Inode;
  readonly fromName: string;
  readonly to: Inode;
  readonly toName: string;
}

export async function rename(core: Core, frame: Frame, names: Names, flags: number, xdata?: Xdata): Promise<Renamed> {
  const { from, to } = names;
  // GlusterFS's protocol has no flags. To replace nothing can be made sure by the locks; an exchange cannot.
  if (flags !== 0 && flags !== RenameFlag.NOREPLACE) throw await failed(core, frame, names, 'EINVAL');
  const [fromDir, toDir] = [await directoryOf(core, frame, from), await directoryOf(core, frame, to)];
  const was = [fromDir.newest, toDir.newest] as const;
  try {
    for (let tries = 1; ; tries++) {
      const renamed = await attempt(core, frame, names, flags, xdata);
      if (renamed !== undefined) {
        // What stands in `before` may be what a first step of the rename has left.
        const [a, b] = [fromDir.wcc(renamed.from), toDir.wcc(renamed.to)];
        return {
          ...renamed,
          from: { ...a, before: a.before && { ...a.before, ...was[0] } },
          to: { ...b, before: b.before && { ...b.before, ...was[1] } },
        };
      }
      if (tries === TRIES) throw new FsError('EJUKEBOX', `EJUKEBOX: ${core.name}: the names change all the time`);
      await Promise.all([refresh(core, frame, from), refresh(core, frame, to)]);
    }
  } catch (error) {
    throw core.corrected(error, fromDir, toDir);
  }
}

/** What the two names lead to. */
interface Ends {
  readonly source: Hit;
  readonly target: Hit | undefined;
}

async function endsOf(core: Core, frame: Frame, names: Names, isLocked: boolean): Promise<Ends> {
  const { from, fromName, to, toName } = names;
  const how = { everywhere: true, isLocked };
  const [source, target] = await Promise.all([
    find(core, frame, from, fromName, undefined, how).catch(notThere),
    find(core, frame, to, toName, undefined, how).catch(notThere),
  ]);
  if (source === undefined) throw await failed(core, frame, names, 'ENOENT');
  return { source, target };
}

/** Why the rename cannot be. */
function refusal({ source, target }: Ends, flags: number): Errno | undefined {
  if (target === undefined) return undefined;
  if (flags === RenameFlag.NOREPLACE) return 'EEXIST';
  const [a, b] = [source.found.iatt.type === FileType.DIR, target.found.iatt.type === FileType.DIR];
  return a && !b ? 'ENOTDIR' : !a && b ? 'EISDIR' : undefined;
}

const isSame = (a: Hit | undefined, b: Hit | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.found.iatt.gfid.equals(b.found.iatt.gfid));

/** Renames once; `undefined` if the names led elsewhere by the time they were locked. */
async function attempt(
  core: Core,
  frame: Frame,
  names: Names,
  flags: number,
  xdata: Xdata | undefined,
): Promise<Renamed | undefined> {
  const ends = await endsOf(core, frame, names, false);
  const why = refusal(ends, flags);
  if (why !== undefined) throw await failed(core, frame, names, why);
  const { source, target } = ends;
  if (isSame(source, target)) return unchanged(core, frame, names);
  const { from, fromName, to, toName } = names;
  const [old, fresh] = await Promise.all([homeOf(core, frame, from, fromName), homeOf(core, frame, to, toName)]);
  const a: Place = { parent: from, name: fromName, hashed: old.hashed };
  const b: Place = { parent: to, name: toName, hashed: fresh.hashed };
  if (source.directory !== undefined) {
    const isStill = async () => (await endsIfStill(core, frame, names, ends, a, b)) !== undefined;
    return renameDirectory(core, frame, { ...names, a, b, target }, xdata, isStill);
  }
  await using locks = new Locks(core, frame);
  if (!(await lockMigration(core, locks, source, target))) return undefined;
  await locks.names(a, b);
  const now = await endsIfStill(core, frame, names, ends, a, b);
  return now && (await moveFile(core, frame, { a, b, ...now }, xdata));
}

/**
 * What the names lead to after they were locked; `undefined` if that is something else than before, or if one of them
 * belongs elsewhere by now.
 */
async function endsIfStill(
  core: Core,
  frame: Frame,
  names: Names,
  { source, target }: Ends,
  a: Place,
  b: Place,
): Promise<Ends | undefined> {
  const [now, ...areHome] = await Promise.all([
    endsOf(core, frame, names, true),
    isHome(core, frame, a),
    isHome(core, frame, b),
  ]);
  const isStill = !areHome.includes(false) && isWhere(now.source, source) && isWhere(now.target, target);
  return isStill ? now : undefined;
}

/** Whether a name still leads to the same object, and to the same child, which is the one that has the lock of the file. */
const isWhere = (now: Hit | undefined, before: Hit | undefined): boolean =>
  isSame(now, before) && now?.at === before?.at;

/**
 * Keeps the rebalance daemon from moving either file. Of the one that is replaced this does not matter if it is gone.
 * Answers whether the other one is still where it was found.
 */
async function lockMigration(core: Core, locks: Locks, source: Hit, target: Hit | undefined): Promise<boolean> {
  const key = ({ at, found }: Hit) => `${core.childNames[at]!}/${found.iatt.gfid.toString('hex')}`;
  const files = [source, ...(target === undefined ? [] : [target])].sort((x, y) => (key(x) < key(y) ? -1 : 1));
  for (const file of files) {
    try {
      await locks.inode(file.at, Domain.MIGRATE, inodeFor(file.found.iatt), 'write');
    } catch (error) {
      if (file === source && isGone(error)) return false;
      if (file === source || !(isGone(error) || errnoOf(error) === 'EIO')) throw error;
    }
  }
  return true;
}

/** The answer for two names of one object: they both stay. */
async function unchanged(core: Core, frame: Frame, { from, to }: Names): Promise<Renamed> {
  const child = core.at(core.firstUp());
  const [a, b] = await Promise.all([child.stat(frame, from), child.stat(frame, to)]);
  return { from: { before: a, after: a }, to: { before: b, after: b } };
}

async function failed(core: Core, frame: Frame, names: Names, code: Errno): Promise<FsError> {
  const { from, to } = await unchanged(core, frame, names);
  return new FopError(code, code, from, to);
}
