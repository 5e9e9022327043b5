/** Lists a directory: one child after the other, each name once. */
import { FsError, isGone } from '../../../errno.ts';
import { type Dirent, direntBytes, type DirList, type Xdata } from '../../../graph/fops.ts';
import { foldCookie, unfoldCookie } from '../../../graph/fops/cookies.ts';
import type { Frame } from '../../../graph/frame.ts';
import { FileType, type Iatt } from '../../../graph/iatt.ts';
import type { Fd, Inode } from '../../../graph/inode.ts';
import { addNote, type Note } from '../../../graph/note.ts';
import { type Core, isDown } from './core.ts';
import { askingLinkto, isLinkto, LINKTO, linktoOf, looksMigrating, unmarked } from './keys.ts';
import type { KnownDir } from './known.ts';
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
  /** Where `.` and `..` stand in `entries`; -1 if they are not there. */
  dot: number;
  dotdot: number;
  /** Where each file of the page stands in `entries`. With one child no name can be there twice, and this is empty. */
  readonly files: Map<string, number>;
  /** The children that have the entries. */
  readonly children: number[];
  /** The children that linkto files of these names point to. */
  readonly linktos: Map<string, number>;
  /** Names that several children have. */
  readonly doubled: Set<string>;
}

const emptyPage = (left: number): Page => ({
  entries: [],
  left,
  isFull: false,
  dot: -1,
  dotdot: -1,
  files: new Map(),
  children: [],
  linktos: new Map(),
  doubled: new Set(),
});

/** What a page is filled for. */
interface Listing {
  readonly core: Core;
  readonly frame: Frame;
  readonly dir: KnownDir;
  readonly page: Page;
  readonly asked: Xdata | undefined;
  readonly isPlus: boolean;
  /** See {@link noteOf}. */
  note: Note | undefined;
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
  const page = emptyPage(size);
  const ask = askingLinkto(xdata);
  let iatt: DirList['iatt'] | undefined;
  let last: Position | undefined;
  const listing: Listing = { core, frame, dir, page, asked: xdata, isPlus, note: undefined };

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
    const end = answer.entries.at(-1)?.cookie;
    for (const dirent of await withAttributes(core, frame, fd.inode, at.child, answer.entries, ask)) {
      const position = dirent.cookie; // that of the child, before the entry is put into the page
      const isShown = shows(listing, at.child, dirent);
      if (isShown && !put(listing, at.child, dirent)) break;
      at.position = position;
      if (!isShown) continue;
      last ??= { child: 0, position };
      last.child = at.child;
      last.position = position;
    }
    if (page.isFull) break;
    at.position = end ?? at.position; // the last entries may be gone by now
    if (answer.eof || answer.entries.length === 0) {
      at.child++;
      at.position = 0n;
    }
    if (page.entries.length > 0 && page.left < ROOM_MIN) page.isFull = at.child < count;
  }
  if (last !== undefined)
    dir.recent.remember(foldCookie(last.position, last.child, count, core.cookieBitsBelow), last.position);
  if (iatt === undefined) throw core.isAnyDown ? core.away('no subvolume lists the directory') : new FsError('ESTALE');
  const own = dir.show(iatt);
  if (cookie === 0n && !page.isFull) await mendPage(core, frame, fd.inode, dir, page);
  if (isPlus) await withDots(core, frame, fd, page, own);
  return { entries: page.entries, eof: !page.isFull, iatt: own };
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
  const isBare = ({ name, iatt }: Dirent) => iatt === undefined && !isDot(name);
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
  const found = unfoldCookie(cookie, core.children.length, core.cookieBitsBelow);
  if (found === undefined) return undefined;
  return { child: found.child, position: dir.recent.positionOf(cookie) ?? found.position };
}

/** Whether the page shows an entry of a child, and not another child's, or none. */
function shows({ core, dir, page }: Listing, child: number, { name, iatt, xdata }: Dirent): boolean {
  if (isDot(name)) return child === core.up.indexOf(true);
  if (iatt === undefined) return true;
  if (xdata !== undefined && isLinkto(iatt, xdata)) {
    page.linktos.set(name, core.childNamed(linktoOf(xdata)));
    return false;
  }
  return iatt.type !== FileType.DIR || showsDirectory(core, dir, child, name);
}

/** The entry of a child as the page has it: the same object, unless something must be left out of it. */
function shown(listing: Listing, child: number, dirent: Dirent, position: bigint): Dirent {
  const { core, asked, isPlus } = listing;
  const { name, ino, iatt, xdata } = dirent;
  const cookie = foldCookie(position, child, core.children.length, core.cookieBitsBelow);
  if (!isPlus || iatt === undefined) return { name, ino, cookie };
  const more = asked !== undefined && xdata !== undefined ? { xdata } : {};
  if (iatt.type === FileType.DIR) return { name, ino, cookie, ...more };
  if (xdata !== undefined && looksMigrating(iatt) && xdata.has(LINKTO)) {
    const plain = unmarked(iatt);
    addNote(plain, noteOf(listing, child, plain));
    return { name, ino, cookie, iatt: plain, ...more };
  }
  addNote(iatt, noteOf(listing, child, iatt));
  if (xdata !== undefined && asked === undefined) return { name, ino, cookie, iatt };
  dirent.cookie = cookie;
  return dirent;
}

/**
 * What is noted of a file: the child that has it (see {@link Core.knownFile}). Files of one child with the same notes from
 * below share one note.
 */
function noteOf(listing: Listing, child: number, { notes: next }: Iatt): Note {
  const { core, note } = listing;
  if (note !== undefined && note.value === child && note.next === next) return note;
  return (listing.note = { slot: core.slot, value: child, next });
}

/** A directory is listed by the child that its name belongs to, or else by the first that is up. */
function showsDirectory(core: Core, { layout }: KnownDir, child: number, name: string): boolean {
  const hashed = core.hashed(layout, name);
  return hashed >= 0 && core.up[hashed] ? hashed === child : child === core.up.indexOf(true);
}

/** Adds an entry if there is room for it. A name that is there already stays once: from where it belongs. */
function put(listing: Listing, child: number, dirent: Dirent): boolean {
  const { core, frame, dir, page, isPlus } = listing;
  const { name, iatt } = dirent;
  const { entries } = page;
  const isFile = iatt !== undefined && iatt.type !== FileType.DIR;
  const isMapped = isFile && core.children.length > 1;
  const there = isMapped ? page.files.get(name) : undefined;
  if (there !== undefined) {
    page.doubled.add(name);
    if (core.hashed(dir.layout, name) !== child) return true;
    const { cookie } = entries[there]!;
    entries[there] = shown(listing, child, dirent, 0n);
    entries[there].cookie = cookie;
    return true;
  }
  const dotted = isDot(name);
  const bytes = direntBytes(name.length, dotted || (isPlus && isFile));
  if (bytes > page.left && entries.length > 0) {
    page.isFull = true;
    return false;
  }
  const entry = shown(listing, child, dirent, dirent.cookie);
  if (frame.narrowCookies === true && entry.cookie > NARROW_MAX) throw new FsError('EOVERFLOW');
  if (isMapped) page.files.set(name, entries.length);
  if (dotted) page[name === '.' ? 'dot' : 'dotdot'] = entries.length;
  page.children.push(child);
  entries.push(entry);
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
  for (const [name, index] of page.files) {
    const child = page.children[index]!;
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
async function withDots(core: Core, frame: Frame, { inode }: Fd, page: Page, iatt: DirList['iatt']): Promise<void> {
  const { entries, dot, dotdot } = page;
  if (dot >= 0) entries[dot] = { ...entries[dot]!, iatt };
  if (dotdot < 0 || inode.gfid.equals(core.root.gfid)) return;
  try {
    entries[dotdot] = { ...entries[dotdot]!, iatt: (await find(core, frame, inode, '..')).found.iatt };
  } catch {
    // It stays without attributes, and the client asks for them.
  }
}

const isDot = (name: string): boolean => name === '.' || name === '..';
