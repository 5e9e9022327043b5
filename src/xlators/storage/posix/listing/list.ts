/** Lists directories in the order in which the kernel returns their entries. */
import { errnoOf } from '../../../../errno.ts';
import { COOKIE_MAX } from '../../../../graph/fops/cookies.ts';
import { Access, type Dirent, direntBytes, type DirList } from '../../../../graph/fops.ts';
import type { Frame, Identity } from '../../../../graph/frame.ts';
import type { Iatt } from '../../../../graph/iatt.ts';
import type { Fd } from '../../../../graph/inode.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY, S_IFDIR, S_IFMT } from '../../../../sys/constants.ts';
import { DirentReader, END } from '../../../../sys/files/dirents.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { asCaller, SERVER } from '../../../../sys/process/identity.ts';
import { openat } from '../../../../sys/libc.ts';
import { procFd } from '../../../../sys/files/names.ts';
import { type Stat, statNameAt } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, iattNeeded } from '../brick.ts';
import { note } from '../objects/finder.ts';
import type { Listing, PosixObject } from '../objects/object.ts';
import { above } from '../entries/lookup.ts';
import { NarrowCookies } from './narrow-cookies.ts';
import { permitted } from '../permission.ts';
import { mayHaveBegunAnew, type Newest, newestOf } from './tmpfs-positions.ts';
import { withWcc } from '../failure.ts';

/** The most entries for one call, whatever size it asks for: they take some milliseconds. */
const ENTRIES_MAX = 1024;
/** The most listings of one directory that are kept open, each at its own position. */
const LISTINGS_MAX = 16;

/** The 32-bit cookies of directories that were listed with them. */
const narrowCookies = new WeakMap<PosixObject, NarrowCookies>();

function narrowCookiesOf(dir: PosixObject): NarrowCookies {
  let cookies = narrowCookies.get(dir);
  if (cookies === undefined) narrowCookies.set(dir, (cookies = new NarrowCookies(dir.mount.type)));
  return cookies;
}

/**
 * Lists the entries after `cookie`: at most `size` bytes of them, but at least one entry. With `plus` they have
 * attributes.
 */
export function list(brick: Brick, frame: Frame, fd: Fd, size: number, cookie: bigint, plus: boolean): DirList {
  const dir = brick.objects.of(fd.inode);
  const { ctime, ctimeNsec } = askToList(brick, frame, dir, !fd.anonymous);
  const narrow = frame.narrowCookies ? narrowCookiesOf(dir) : undefined;
  const reopen = () => openAgain(brick, fd.anonymous ? frame.identity : SERVER, brick.objects.fd(dir));
  const position = narrow ? narrow.positionOf(reopen, cookie) : cookie;
  // A descriptor of ext4 that is first read at its end has no entries at the start either, as far as Linux 6.18 at least.
  if (position === END) return { entries: [], eof: true, iatt: iattNeeded(brick.objects, dir, brick.objects.fd(dir)) };
  const listing = listingAt(brick, dir, ctime, ctimeNsec, reopen, position);
  const own = listing.descriptor.fd;
  const { reader } = listing;
  // Where a cookie of 32 bits leads, the kernel's exact position of the first entry is not known.
  const shared = narrow !== undefined && !reader.isExactly(position) && narrow.firstIsShared(reopen, position);
  asCaller(frame.identity);
  if (reader.seek(own, position) < 0) throw lastError('seek to a cookie');
  const entries: Dirent[] = [];
  let bytes = 0;
  let eof = false;
  let newest: Newest | undefined;
  for (;;) {
    const found = reader.next(own);
    if (found < 0) throw lastError('getdents64');
    if (found === 0) {
      eof = listing.done = true;
      break;
    }
    const { cookie: behind } = reader;
    if (mayHaveBegunAnew(dir.mount, reader.position, behind)) {
      newest ??= newestOf(reopen);
      if (newest !== undefined && newest.position !== reader.position && newest.name === reader.name) {
        reader.back();
        eof = listing.done = true;
        break;
      }
    }
    const shown = narrow ? narrow.cookieOf(shared && entries.length === 0 ? behind : reader.position, behind) : behind;
    if (shown > COOKIE_MAX) throw fsError('EOVERFLOW', `a position in a directory of more than 63 bits: ${shown}`);
    const entry = plus ? direntPlus(brick, frame, dir, own, reader, shown) : dirent(brick, dir, reader, shown);
    bytes += direntBytes(entry.name.length, entry.iatt !== undefined);
    if (entries.length > 0 && (bytes > size || entries.length >= ENTRIES_MAX)) {
      reader.back();
      break;
    }
    entries.push(entry);
  }
  if (narrow && entries.length > 0) narrow.remember(entries.at(-1)!.cookie, reader.here);
  return { entries, eof, iatt: iattNeeded(brick.objects, dir, own) };
}

/** Returns the directory's attributes if the caller may list it. */
function askToList({ objects }: Brick, { identity }: Frame, dir: PosixObject, opened: boolean): Stat {
  const seen = objects.stat(dir);
  if ((seen.mode & S_IFMT) !== S_IFDIR) throw withWcc(fsError('ENOTDIR', 'list'), undefined, iattOf(dir, seen));
  if (!opened && permitted(dir, seen, objects.fd(dir), identity, Access.READ) === 0) {
    throw withWcc(fsError('EACCES', 'list'), undefined, iattOf(dir, seen));
  }
  return seen;
}

/** Opens the directory that is open as `fd` once more, for reading and with a position of its own. */
function openAgain({ objects }: Brick, identity: Identity, fd: number): number {
  asCaller(identity);
  return objects.caches.opened(() => openat(AT_FDCWD, procFd(fd), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), 'opendir');
}

/**
 * Returns a listing that can continue at `position`, if possible one that is already open. `ctime` and `ctimeNsec` are
 * the directory's, and `reopen` opens the directory.
 */
function listingAt(
  { objects }: Brick,
  dir: PosixObject,
  ctime: number,
  ctimeNsec: number,
  reopen: () => number,
  position: bigint,
): Listing {
  const { lists: cache } = objects.caches;
  const open = (dir.lists ??= []);
  let listing =
    open.find(({ reader }) => reader.isAt(position)) ??
    open.find(({ reader, done }) => (done && position === 0n) || reader.holds(position)) ??
    (open.length >= LISTINGS_MAX ? open[0] : undefined);
  if (listing) {
    open.push(...open.splice(open.indexOf(listing), 1)); // the first is the one used longest ago
    cache.use(listing.descriptor);
  } else {
    listing = { descriptor: cache.add(dir, reopen()), reader: new DirentReader(), ctime, ctimeNsec, done: false };
    dir.lists = [...dir.lists, listing];
  }
  // What was read ahead is valid until the directory changes. A listing from the start is always read anew.
  if (position === 0n || listing.ctime !== ctime || listing.ctimeNsec !== ctimeNsec) {
    listing.reader.reset();
    listing.done = false;
    listing.ctime = ctime;
    listing.ctimeNsec = ctimeNsec;
  }
  return listing;
}

/** Makes an entry without attributes. */
function dirent({ objects }: Brick, dir: PosixObject, { name, ino }: DirentReader, cookie: bigint): Dirent {
  // There is nothing above the volume's root.
  const shown = dir === objects.root && name === '..' ? BigInt(dir.ino) : ino;
  return { name, ino: shown, cookie };
}

/** Makes an entry, with its attributes if the caller may enter the directory, as for `ls -l` on this machine. */
function direntPlus(
  brick: Brick,
  frame: Frame,
  dir: PosixObject,
  fd: number,
  reader: DirentReader,
  cookie: bigint,
): Dirent {
  const { name } = reader;
  try {
    const iatt = iattOfEntry(brick, frame, dir, fd, name, reader);
    if (iatt === undefined) return dirent(brick, dir, reader, cookie);
    return { name, ino: iatt.ino, cookie, iatt };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return dirent(brick, dir, reader, cookie); // just removed, or cannot be opened: a LOOKUP tells the client why
  }
}

/** Returns the attributes of the entry that `reader` has read last; `undefined` if they are not known. */
function iattOfEntry(
  brick: Brick,
  frame: Frame,
  dir: PosixObject,
  fd: number,
  name: string,
  { nameAddress }: DirentReader,
): Iatt | undefined {
  const { objects } = brick;
  if (name === '.' || name === '..') {
    if (name === '..' && dir === objects.root) return undefined;
    const object = name === '.' ? dir : above(brick, frame, dir, fd);
    return iattOf(object, objects.stat(object));
  }
  asCaller(frame.identity);
  const seen = statNameAt(fd, nameAddress);
  if (seen === undefined) return undefined;
  const object = objects.listed(fd, name, seen);
  note(objects.finder, object, dir, name);
  return iattOf(object, seen);
}
