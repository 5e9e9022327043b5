/** Listing directories, as the kernel streams them. */
import { errnoOf } from '../../../../errno.ts';
import { Access, type Dirent, direntBytes, type DirList } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY, S_IFDIR, S_IFMT } from '../../../../sys/constants.ts';
import { DirentReader } from '../../../../sys/files/dirents.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { asCaller } from '../../../../sys/process/identity.ts';
import { openat } from '../../../../sys/libc.ts';
import { procFd } from '../../../../sys/files/names.ts';
import { stat, statNameAt } from '../../../../sys/files/statx.ts';
import { iattOf } from '../attributes.ts';
import { type Brick, iattNeeded } from '../brick.ts';
import type { PosixObject, Listing } from '../objects/object.ts';
import { above } from '../entries/lookup.ts';
import { NarrowCookies } from './narrow-cookies.ts';
import { note } from '../index/places.ts';
import { permitted } from '../permission.ts';
import { beganAnew } from './tmpfs-positions.ts';
import { withWcc } from '../failure.ts';

/** Entries for one call, however many bytes it wants: some milliseconds of work. */
const ENTRIES_MAX = 1024;
/** A cookie is a position, and lseek(2)'s are signed. */
const COOKIE_MAX = 0x7fff_ffff_ffff_ffffn;
/** Listings of one directory that go on at different places. */
const LISTINGS_MAX = 16;

/** Entries behind `cookie`, at most `size` bytes of them (but at least one), with attributes if `plus`. */
export function list(brick: Brick, frame: Frame, inode: Inode, size: number, cookie: bigint, plus: boolean): DirList {
  const dir = brick.objects.of(inode);
  const fd = openToList(brick, frame, dir);
  const narrow = frame.narrowCookies ? (dir.narrow ??= new NarrowCookies(dir.mount)) : undefined;
  const again = () => openAgain(brick, frame, fd);
  const position = narrow ? narrow.positionOf(again, cookie) : cookie;
  const listing = listingAt(brick, dir, again, position);
  const own = listing.descriptor.fd;
  const { reader } = listing;
  const shared = narrow !== undefined && !reader.isExactly(position) && narrow.firstIsShared(again, position);
  asCaller(frame.identity);
  if (reader.seek(own, position) < 0) throw lastError('seek to a cookie');
  const entries: Dirent[] = [];
  let bytes = 0;
  let eof = false;
  for (;;) {
    const found = reader.next(own);
    if (found < 0) throw lastError('getdents64');
    if (found === 0) {
      eof = listing.done = true;
      break;
    }
    const { cookie: behind } = reader;
    if (beganAnew(dir.mount, again, reader.position, behind)) {
      reader.back();
      eof = listing.done = true;
      break;
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
  return { entries, eof, iatt: iattNeeded(dir, own) };
}

/** Asks whether the caller may; leaves the directory's attributes in `stat`. */
function openToList({ objects }: Brick, { identity }: Frame, dir: PosixObject): number {
  const fd = objects.stat(dir);
  const iatt = () => iattOf(dir);
  if ((stat.mode & S_IFMT) !== S_IFDIR) throw withWcc(fsError('ENOTDIR', 'list'), undefined, iatt());
  if (permitted(dir, fd, identity, Access.READ) === 0) throw withWcc(fsError('EACCES', 'list'), undefined, iatt());
  return fd;
}

/** Opens the directory that `fd` is of for reading. */
function openAgain({ objects }: Brick, { identity }: Frame, fd: number): number {
  asCaller(identity);
  return objects.opened(() => openat(AT_FDCWD, procFd(fd), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0), 'opendir');
}

/** A listing that can go on at `position`, at best one that stands there. `stat` holds the directory's attributes. */
function listingAt({ objects }: Brick, dir: PosixObject, again: () => number, position: bigint): Listing {
  const { ctime, ctimeNsec } = stat;
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
    listing = { descriptor: cache.add(dir, again()), reader: new DirentReader(), ctime, ctimeNsec, done: false };
    dir.lists = [...dir.lists, listing];
  }
  // What was read ahead is good as long as the directory is as it was; a listing from the start is always fresh.
  if (position === 0n || listing.ctime !== ctime || listing.ctimeNsec !== ctimeNsec) {
    listing.reader.reset();
    listing.done = false;
    listing.ctime = ctime;
    listing.ctimeNsec = ctimeNsec;
  }
  return listing;
}

function dirent({ objects }: Brick, dir: PosixObject, { name, ino }: DirentReader, cookie: bigint): Dirent {
  // Above the volume's root is nothing.
  const shown = dir === objects.root && name === '..' ? BigInt(dir.ino) : ino;
  return { name, ino: shown, cookie };
}

/** With the attributes if the caller may have them, as for a local `ls -l`. */
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
    const object = objectOf(brick, frame, dir, fd, name, reader);
    if (object === undefined) return dirent(brick, dir, reader, cookie);
    const iatt = iattOf(object);
    return { name, ino: iatt.ino, cookie, iatt };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return dirent(brick, dir, reader, cookie); // gone in this moment, or not to be opened: who wants it looks it up
  }
}

/** Leaves the attributes in `stat`. */
function objectOf(
  brick: Brick,
  frame: Frame,
  dir: PosixObject,
  fd: number,
  name: string,
  { nameAddress }: DirentReader,
): PosixObject | undefined {
  const { objects } = brick;
  if (name === '.') {
    objects.stat(dir);
    return dir;
  }
  if (name === '..') return dir === objects.root ? undefined : above(brick, frame, dir, fd);
  asCaller(frame.identity);
  if (statNameAt(fd, nameAddress) < 0) return undefined;
  const object = objects.glimpsed(fd, name);
  note(objects.index, object, dir, name);
  return object;
}
