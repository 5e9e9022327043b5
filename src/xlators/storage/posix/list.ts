/** Listing directories, as the kernel streams them. */
import { errnoOf } from '../../../errno.ts';
import { Access, type Dirent, type DirList } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../inode/inode.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_RDONLY, S_IFDIR, S_IFMT } from '../../../sys/constants.ts';
import { DirentReader } from '../../../sys/dirents.ts';
import { fsError, lastError, withWcc } from '../../../sys/failure.ts';
import { asCaller } from '../../../sys/identity.ts';
import { openat } from '../../../sys/libc.ts';
import { cName, procFd } from '../../../sys/names.ts';
import { stat, statName } from '../../../sys/statx.ts';
import { iattOf } from './attributes.ts';
import { type Brick, iattNeeded } from './brick.ts';
import type { Known, Listing } from './known.ts';
import { above } from './lookup.ts';
import { note } from './place-index.ts';
import { permitted } from './permission.ts';

/** Entries for one call, however many bytes it wants: some milliseconds of work. */
const ENTRIES_MAX = 1024;
/** Listings of one directory that go on at different places. */
const LISTINGS_MAX = 4;

/** Entries behind `cookie` with at most `size` bytes of names (but at least one entry), with attributes if `plus`. */
export function list(brick: Brick, frame: Frame, inode: Inode, size: number, cookie: bigint, plus: boolean): DirList {
  const { objects } = brick;
  const dir = objects.of(inode);
  const fd = openToList(brick, frame, dir);
  const listing = listingAt(brick, frame, dir, fd, cookie);
  const own = listing.descriptor.fd;
  const { reader } = listing;
  asCaller(frame.identity);
  if (reader.seek(own, cookie) < 0) throw lastError('seek to a cookie');
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
    bytes += reader.name.length;
    if (entries.length > 0 && (bytes > size || entries.length >= ENTRIES_MAX)) {
      reader.back();
      break;
    }
    entries.push(plus ? direntPlus(brick, frame, dir, own, reader) : dirent(brick, dir, reader));
  }
  return { entries, eof, iatt: iattNeeded(dir, own) };
}

/** Asks whether the caller may; leaves the directory's attributes in `stat`. */
function openToList({ objects }: Brick, { identity }: Frame, dir: Known): number {
  const fd = objects.stat(dir);
  const iatt = () => iattOf(dir);
  if ((stat.mode & S_IFMT) !== S_IFDIR) throw withWcc(fsError('ENOTDIR', 'list'), undefined, iatt());
  if (permitted(dir, fd, identity, Access.READ) === 0) throw withWcc(fsError('EACCES', 'list'), undefined, iatt());
  return fd;
}

/** A listing that can go on behind `cookie`, at best one that stands there. `stat` holds the directory's attributes. */
function listingAt({ objects }: Brick, { identity }: Frame, dir: Known, fd: number, cookie: bigint): Listing {
  const { ctime, ctimeNsec } = stat;
  const { lists: cache } = objects.caches;
  const open = (dir.lists ??= []);
  let listing =
    open.find(({ reader }) => reader.isAt(cookie)) ??
    open.find(({ reader, done }) => (done && cookie === 0n) || reader.holds(cookie)) ??
    (open.length >= LISTINGS_MAX ? open[0] : undefined);
  if (listing) {
    open.push(...open.splice(open.indexOf(listing), 1)); // the first is the one used longest ago
    cache.use(listing.descriptor);
  } else {
    asCaller(identity);
    const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    const own = objects.opened(() => openat(AT_FDCWD, procFd(fd), flags, 0), 'opendir');
    listing = { descriptor: cache.add(dir, own), reader: new DirentReader(), ctime, ctimeNsec, done: false };
    dir.lists = [...dir.lists, listing];
  }
  // What was read ahead is good as long as the directory is as it was; a listing from the start is always fresh.
  if (cookie === 0n || listing.ctime !== ctime || listing.ctimeNsec !== ctimeNsec) {
    listing.reader.reset();
    listing.done = false;
    listing.ctime = ctime;
    listing.ctimeNsec = ctimeNsec;
  }
  return listing;
}

function dirent({ objects }: Brick, dir: Known, { name, ino, cookie }: DirentReader): Dirent {
  // Above the volume's root is nothing.
  const shown = name === '..' && dir === objects.root ? BigInt(dir.ino) : ino;
  return { name, ino: shown, cookie };
}

/** With the attributes if the caller may have them, as for a local `ls -l`. */
function direntPlus(brick: Brick, frame: Frame, dir: Known, fd: number, reader: DirentReader): Dirent {
  const plain = dirent(brick, dir, reader);
  try {
    const known = knownOf(brick, frame, dir, fd, plain.name);
    return known ? { ...plain, iatt: iattOf(known) } : plain;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return plain; // gone in this moment, or not to be opened: the client looks it up if it wants it
  }
}

/** Leaves the attributes in `stat`. */
function knownOf(brick: Brick, frame: Frame, dir: Known, fd: number, name: string): Known | undefined {
  const { objects } = brick;
  if (name === '.') {
    objects.stat(dir);
    return dir;
  }
  if (name === '..') return dir === objects.root ? undefined : above(brick, frame, dir, fd);
  asCaller(frame.identity);
  const bytes = cName(name);
  if (statName(fd, bytes) < 0) return undefined;
  const known = objects.glimpsed(fd, bytes);
  note(objects.index, known, dir, name);
  return known;
}
