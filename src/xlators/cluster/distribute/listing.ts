/** Lists a directory: one child after the other, each name once. */
import { FsError } from '../../../errno.ts';
import { type Dirent, direntBytes, type DirList, type Xdata } from '../../../graph/fops.ts';
import { foldCookie, unfoldCookie } from '../../../graph/fops/cookies.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType } from '../../../graph/iatt.ts';
import type { Fd } from '../../../graph/inode.ts';
import { type Core, isDown, isGone } from './core.ts';
import { askingLinkto, isLinkto, LINKTO, looksMigrating, unmarked } from './keys.ts';
import { type KnownDir, KnownFile, noting } from './known.ts';
import { directoryOf } from './directories/refresh.ts';
import { find } from './names/find.ts';

const NARROW_MAX = 0xffff_ffffn;
/** With less room than this, a page ends: a further child would be asked for next to nothing. */
const ROOM_MIN = 1024;

/** A page while it is filled. */
interface Page {
  readonly entries: Dirent[];
  left: number;
  isFull: boolean;
}

/** Where the listing of a child goes on, and where that of the page ends. */
interface Position {
  child: number;
  position: bigint;
}

export async function list(
  core: Core,
  frame: Frame,
  fd: Fd,
  size: number,
  cookie: bigint,
  xdata: Xdata | undefined,
  isPlus: boolean,
): Promise<DirList> {
  const dir = await directoryOf(core, frame, fd.inode);
  const count = core.children.length;
  const at: Position | undefined = cookie === 0n ? { child: 0, position: 0n } : positionOf(core, dir, cookie);
  if (at === undefined) throw new FsError('EINVAL', `EINVAL: ${core.name}: ${cookie} is no cookie of a listing`);
  const page: Page = { entries: [], left: size, isFull: false };
  const ask = askingLinkto(xdata);
  let iatt: DirList['iatt'] | undefined;
  let last: Position | undefined;

  while (at.child < count && !page.isFull) {
    let answer: DirList;
    try {
      answer = await core.at(at.child).readdirp(frame, fd, Math.max(page.left, 1), at.position, ask);
    } catch (error) {
      // What a child that is down has is missing from the listing; one without a copy has nothing.
      if (!isGone(error) && !isDown(error)) throw error;
      at.child++;
      at.position = 0n;
      continue;
    }
    iatt ??= answer.iatt;
    for (const dirent of answer.entries) {
      const taken = take(core, dir, at.child, dirent, xdata, isPlus);
      if (taken !== undefined && !put(page, core, frame, taken, at.child)) break;
      at.position = dirent.cookie;
      if (taken !== undefined) last = { ...at };
    }
    if (page.isFull) break;
    if (answer.eof || answer.entries.length === 0) {
      at.child++;
      at.position = 0n;
    }
    if (page.entries.length > 0 && page.left < ROOM_MIN) page.isFull = at.child < count;
  }
  if (last !== undefined) dir.recent.remember(foldCookie(last.position, last.child, count), last.position);
  if (iatt === undefined) throw core.isAnyDown ? core.away('no subvolume lists the directory') : new FsError('ESTALE');
  const shown = dir.show(iatt);
  return {
    entries: isPlus ? await withDots(core, frame, fd, page.entries, shown) : page.entries,
    eof: !page.isFull,
    iatt: shown,
  };
}

function positionOf(core: Core, dir: KnownDir, cookie: bigint): Position | undefined {
  const found = unfoldCookie(cookie, core.children.length);
  if (found === undefined) return undefined;
  return { child: found.child, position: dir.recent.positionOf(cookie) ?? found.position };
}

/** The entry of a child as the page has it; `undefined` if it is shown by another child, or not at all. */
function take(
  core: Core,
  dir: KnownDir,
  child: number,
  { name, ino, cookie, iatt, xdata }: Dirent,
  asked: Xdata | undefined,
  isPlus: boolean,
): Dirent | undefined {
  const isDot = name === '.' || name === '..';
  if (isDot && child !== core.up.indexOf(true)) return undefined;
  if (iatt !== undefined && !isDot) {
    if (isLinkto(iatt, xdata)) return undefined;
    if (iatt.type === FileType.DIR && !showsDirectory(core, dir, child, name)) return undefined;
  }
  if (!isPlus || iatt === undefined) return { name, ino, cookie };
  const more = asked !== undefined && xdata !== undefined ? { xdata } : {};
  if (iatt.type === FileType.DIR) return { name, ino, cookie, ...more };
  const shown = looksMigrating(iatt) && xdata?.has(LINKTO) === true ? unmarked(iatt) : iatt;
  return { name, ino, cookie, iatt: noting(shown, core.slot, new KnownFile(child)), ...more };
}

/** A directory is listed by the child that its name belongs to, or else by the first that is up. */
function showsDirectory(core: Core, { layout }: KnownDir, child: number, name: string): boolean {
  const hashed = core.hashed(layout, name);
  return hashed >= 0 && core.up[hashed] ? hashed === child : child === core.up.indexOf(true);
}

/** Adds an entry if there is room for it. */
function put(page: Page, core: Core, frame: Frame, dirent: Dirent, child: number): boolean {
  const isDot = dirent.name === '.' || dirent.name === '..';
  const bytes = direntBytes(dirent.name.length, dirent.iatt !== undefined || isDot);
  if (bytes > page.left && page.entries.length > 0) {
    page.isFull = true;
    return false;
  }
  const cookie = foldCookie(dirent.cookie, child, core.children.length);
  if (frame.narrowCookies === true && cookie > NARROW_MAX) throw new FsError('EOVERFLOW');
  page.entries.push({ ...dirent, cookie });
  page.left -= bytes;
  return true;
}

/**
 * Gives `.` and `..` their attributes. Those of other directories are left out: each copy has times of its own, and to
 * ask all children for each entry would cost more than clients who want to know.
 */
function withDots(
  core: Core,
  frame: Frame,
  { inode }: Fd,
  entries: readonly Dirent[],
  iatt: DirList['iatt'],
): Promise<Dirent[]> {
  return Promise.all(
    entries.map(async dirent => {
      if (dirent.name === '.') return { ...dirent, iatt };
      if (dirent.name !== '..' || inode.gfid.equals(core.root.gfid)) return dirent;
      try {
        return { ...dirent, iatt: (await find(core, frame, inode, '..')).found.iatt };
      } catch {
        return dirent;
      }
    }),
  );
}
