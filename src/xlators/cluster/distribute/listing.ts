/** Lists a directory: one child after the other, each name once. */
import { FsError, isGone } from '../../../errno.ts';
import { type Dirent, direntBytes, type DirList, type Xdata } from '../../../graph/fops.ts';
import { foldCookie, unfoldCookie } from '../../../graph/fops/cookies.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { type Core, isDown } from './core.ts';
import { askingLinkto, isLinkto, LINKTO, linktoOf, looksMigrating, unmarked } from './keys.ts';
import { type KnownDir, KnownFile, noting } from './known.ts';
import { directoryOf } from './directories/refresh.ts';
import { find } from './names/find.ts';
import { mend } from './names/mend.ts';

const NARROW_MAX = 0xffff_ffffn;
/** With less room than this, a page ends: a further child would be asked for next to nothing. */
const ROOM_MIN = 1024;

/** At most so many names are put right for one page. */
const MENDED_MAX = 64;

/** A page while it is filled. */
interface Page {
  readonly entries: Dirent[];
  left: number;
  isFull: boolean;
  /** Where each file of the page stands in `entries`, and the child that has it. */
  readonly files: Map<string, { readonly index: number; readonly child: number }>;
  /** The children that linkto files of these names point to. */
  readonly linktos: Map<string, number>;
  /** Names that several children have. */
  readonly doubled: Set<string>;
}

const emptyPage = (left: number): Page => ({
  entries: [],
  left,
  isFull: false,
  files: new Map(),
  linktos: new Map(),
  doubled: new Set(),
});

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
  const page = emptyPage(size);
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
    for (const dirent of await withAttributes(core, frame, fd.inode, at.child, answer.entries, ask)) {
      const taken = take(core, dir, page, at.child, dirent, xdata, isPlus);
      if (taken !== undefined && !put(page, core, frame, dir, taken, at.child, dirent.iatt)) break;
      at.position = dirent.cookie;
      if (taken !== undefined) last = { ...at };
    }
    if (page.isFull) break;
    at.position = answer.entries.at(-1)?.cookie ?? at.position;
    if (answer.eof || answer.entries.length === 0) {
      at.child++;
      at.position = 0n;
    }
    if (page.entries.length > 0 && page.left < ROOM_MIN) page.isFull = at.child < count;
  }
  if (last !== undefined) dir.recent.remember(foldCookie(last.position, last.child, count), last.position);
  if (iatt === undefined) throw core.isAnyDown ? core.away('no subvolume lists the directory') : new FsError('ESTALE');
  const shown = dir.show(iatt);
  if (cookie === 0n && !page.isFull) await mendPage(core, frame, fd.inode, dir, page);
  return {
    entries: isPlus ? await withDots(core, frame, fd, page.entries, shown) : page.entries,
    eof: !page.isFull,
    iatt: shown,
  };
}

/**
 * A child that does not trust the attributes of its entries leaves them out. Without them a directory would be listed by
 * each child, and a linkto file beside the file, so such entries are looked up. Those
 * that are gone by then are left out.
 */
function withAttributes(
  core: Core,
  frame: Frame,
  parent: Inode,
  child: number,
  entries: readonly Dirent[],
  ask: Xdata,
): Promise<readonly Dirent[]> | readonly Dirent[] {
  const isBare = ({ name, iatt }: Dirent) => iatt === undefined && name !== '.' && name !== '..';
  if (!entries.some(isBare)) return entries;
  const looked = entries.map(async (dirent): Promise<Dirent[]> => {
    if (!isBare(dirent)) return [dirent];
    try {
      const { iatt, xdata } = await core.at(child).lookup(frame, parent, dirent.name, ask);
      return [{ ...dirent, iatt, ...(xdata && { xdata }) }];
    } catch (error) {
      return isGone(error) ? [] : [dirent];
    }
  });
  return Promise.all(looked).then(lists => lists.flat());
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
  page: Page,
  child: number,
  { name, ino, cookie, iatt, xdata }: Dirent,
  asked: Xdata | undefined,
  isPlus: boolean,
): Dirent | undefined {
  const isDot = name === '.' || name === '..';
  if (isDot && child !== core.up.indexOf(true)) return undefined;
  if (iatt !== undefined && !isDot) {
    if (isLinkto(iatt, xdata)) {
      page.linktos.set(name, core.childNamed(linktoOf(xdata)));
      return undefined;
    }
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

/** Adds an entry if there is room for it. A name that is there already stays once: from where it belongs. */
function put(
  page: Page,
  core: Core,
  frame: Frame,
  dir: KnownDir,
  dirent: Dirent,
  child: number,
  iatt: Iatt | undefined,
): boolean {
  const { name } = dirent;
  const isFile = iatt !== undefined && iatt.type !== FileType.DIR;
  const there = isFile ? page.files.get(name) : undefined;
  if (there !== undefined) {
    page.doubled.add(name);
    const { cookie } = page.entries[there.index]!;
    if (core.hashed(dir.layout, name) === child) page.entries[there.index] = { ...dirent, cookie };
    return true;
  }
  const isDot = name === '.' || name === '..';
  const bytes = direntBytes(name.length, dirent.iatt !== undefined || isDot);
  if (bytes > page.left && page.entries.length > 0) {
    page.isFull = true;
    return false;
  }
  const cookie = foldCookie(dirent.cookie, child, core.children.length);
  if (frame.narrowCookies === true && cookie > NARROW_MAX) throw new FsError('EOVERFLOW');
  if (isFile) page.files.set(name, { index: page.entries.length, child });
  page.entries.push({ ...dirent, cookie });
  page.left -= bytes;
  return true;
}

/**
 * Puts right names that a vanished client has left where no lookup finds them. A page that is the whole directory shows
 * them: where they belong there is neither the file nor a linkto file.
 */
async function mendPage(core: Core, frame: Frame, parent: Inode, dir: KnownDir, page: Page): Promise<void> {
  if (core.isAnyDown) return;
  const broken: { readonly name: string; readonly hashed: number }[] = [];
  for (const [name, { child }] of page.files) {
    const hashed = core.hashed(dir.layout, name);
    const isLost = hashed >= 0 && hashed !== child && page.linktos.get(name) !== child;
    if (isLost || page.doubled.has(name)) broken.push({ name, hashed });
  }
  await Promise.all(broken.slice(0, MENDED_MAX).map(place => mend(core, frame, { parent, ...place })));
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
