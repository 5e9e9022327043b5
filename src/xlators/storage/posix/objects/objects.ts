/**
 * From inodes and names to objects of the file system, and to open descriptors of them.
 *
 * Whatever answers with a {@link PosixObject} leaves its attributes in `stat`, unless it says otherwise.
 */
import { ERRNO } from '../../../../errno.ts';
import type { Inode } from '../../../../graph/inode.ts';
import { keptCopy } from '../../../../kept-bytes.ts';
import type { Log } from '../../../../log.ts';
import { AT_FDCWD, O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT } from '../../../../sys/constants.ts';
import { fsError, lastError, systemError } from '../../../../sys/failure.ts';
import { handle, openHandle, takeHandle } from '../../../../sys/files/handles.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import { close, errno, openat } from '../../../../sys/libc.ts';
import { cName, procFd } from '../../../../sys/files/names.ts';
import { stat, statFd } from '../../../../sys/files/statx.ts';
import { Descriptor, type DescriptorCache } from './descriptors.ts';
import {
  gfidOfHandle,
  gfidOfInode,
  type GfidAndHint,
  handleOf,
  inoInHandle,
  isRoot,
  ROOT_GFID,
  tagOf,
} from './gfid.ts';
import type { PlaceIndex } from '../index/places.ts';
import { PosixObject } from './object.ts';
import type { HandleUse, Mount } from './mount.ts';
import { Mounts } from './mounts.ts';

/** An inode number is not used again within this time of the inode's birth without the birth time telling. */
const SETTLED_MS = 10;

export interface Caches {
  readonly paths: DescriptorCache;
  readonly files: DescriptorCache;
  readonly lists: DescriptorCache;
}

export interface ObjectsOptions extends Caches {
  /** The root directory, open for reading. Taken over. */
  readonly rootFd: number;
  /** The xlator's index into `Inode.slots`. */
  readonly slot: number;
  readonly handles: HandleUse;
  readonly log: Log;
}

export class Objects {
  readonly root: PosixObject;
  readonly mounts: Mounts;
  readonly caches: Caches;
  /** Where objects are found whose handles cannot be opened; set once the root is known. */
  index: PlaceIndex | undefined;
  readonly #slot: number;

  constructor({ rootFd, slot, handles, log, ...caches }: ObjectsOptions) {
    if (statFd(rootFd) < 0) throw lastError('statx of the volume’s directory');
    const ino = stat.inoKey;
    this.#slot = slot;
    this.caches = caches;
    this.mounts = new Mounts(rootFd, handles, log, object => this.index?.reborn(object));
    this.root = new PosixObject(this.mounts.root, ROOT_GFID, undefined);
    this.root.ino = ino;
    this.root.path = new Descriptor(rootFd, this.root, caches.paths, false);
    this.root.path.dropped = true; // never in the cache: open until the end
  }

  /** The object of an inode. `stat` is not set. ESTALE if it is gone. */
  of(inode: Inode): PosixObject {
    return (inode.slots[this.#slot] as PosixObject | undefined) ?? this.#adopt(inode);
  }

  /** A descriptor, good for `…at` calls and for those that take AT_EMPTY_PATH. Good until the next fop. */
  fd(object: PosixObject): number {
    const { path, file } = object;
    if (path !== undefined) {
      this.caches.paths.use(path);
      return path.fd;
    }
    if (file !== undefined) {
      this.caches.files.use(file);
      return file.fd;
    }
    if (object.mount.left) this.#return(object);
    const fd = this.#open(object.mount, object.gfid, object.hint);
    object.path = this.caches.paths.add(object, fd);
    return fd;
  }

  /** Fills `stat`, and answers with a descriptor as {@link fd}. */
  stat(object: PosixObject): number {
    const fd = this.fd(object);
    if (statFd(fd) < 0) throw lastError('statx');
    return stat.nlink === 0 ? this.#recheck(object) : fd;
  }

  /** The object that `gfid` and `hint` tell of, whether an inode remembers it or not. */
  find(gfid: Buffer, hint: Buffer | undefined): PosixObject {
    if (isRoot(gfid)) {
      this.stat(this.root);
      return this.root;
    }
    const mount = this.#mountOf(gfid, hint);
    const found = this.#remembered(mount, gfid, hint);
    if (found) {
      this.stat(found);
      return found;
    }
    const fd = this.#open(mount, gfid, hint);
    return this.met(fd, { gfid, hint });
  }

  /** The object called `name` in the directory `dirfd`, which `stat` has just told of. */
  seen(dirfd: number, name: Buffer): PosixObject {
    return this.recall(flags => openat(dirfd, name, flags, 0)) ?? this.met(this.openPath(dirfd, name));
  }

  /** What `stat` tells of, if we know that it can be no other; `open` opens it should it be of an unknown mount. */
  recall(open: (flags: number) => number): PosixObject | undefined {
    return this.#recall(this.mounts.of(open));
  }

  #recall(mount: Mount): PosixObject | undefined {
    const object = mount.inodes.get(stat.inoKey);
    if (object === undefined) return undefined;
    if (object.path !== undefined || object.file !== undefined) {
      // To hold a FUSE object open need not hold what stands behind it, whose number another one may get.
      return mount.births || mount.handleBytes > 0 ? object : undefined;
    }
    const same = object.settled && object.btimeNsec === stat.btimeNsec && object.btime === stat.btime && stat.hasBtime;
    return same ? object : undefined;
  }

  /** O_PATH, without following a symlink. */
  openPath(dirfd: number, name: Buffer): number {
    return this.opened(() => openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), 'open');
  }

  /** Takes over an O_PATH descriptor, or another of a new object; `id` spares asking who it is. */
  met(fd: number, id?: GfidAndHint): PosixObject {
    try {
      if (statFd(fd) < 0) throw lastError('statx');
      const mount = this.mounts.of(flags => openat(AT_FDCWD, procFd(fd), flags & ~O_NOFOLLOW, 0));
      if (statFd(fd) < 0) throw lastError('statx'); // a mount that is new was asked for itself
      if (mount === this.root.mount && stat.inoKey === this.root.ino) {
        close(fd);
        return this.root;
      }
      const object = this.#remember(mount, id ?? this.identify(mount, fd));
      if (object.path === undefined) object.path = this.caches.paths.add(object, fd);
      else close(fd);
      return object;
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** The object of that gfid, whom `stat` tells of. */
  #remember(mount: Mount, { gfid, hint }: GfidAndHint): PosixObject {
    const ino = stat.inoKey;
    const before = mount.inodes.get(ino);
    const object =
      before?.gfid.equals(gfid) === true ? before : new PosixObject(mount, keptCopy(gfid), hint && keptCopy(hint));
    object.ino = ino;
    object.btime = stat.btime;
    object.btimeNsec = stat.btimeNsec;
    object.settled = stat.hasBtime && Date.now() - (stat.btime * 1000 + stat.btimeNsec / 1e6) > SETTLED_MS;
    if (object !== before) mount.inodes.set(ino, object);
    return object;
  }

  /** A new object that was made as `name`, open as `fd` for reading and writing: taken over as its file. */
  made(fd: number): PosixObject {
    try {
      if (statFd(fd) < 0) throw lastError('statx');
      const mount = this.mounts.of(flags => openat(AT_FDCWD, procFd(fd), flags & ~O_NOFOLLOW, 0));
      const object = this.#remember(mount, this.identify(mount, fd));
      object.file = this.caches.files.add(object, fd, true);
      return object;
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** As {@link seen}, but keeps no descriptor if the handle alone can tell who it is: for listings. */
  glimpsed(dirfd: number, name: string): PosixObject {
    const mount = this.mounts.peek() ?? this.mounts.of(flags => openat(dirfd, cName(name), flags, 0));
    const object = this.#recall(mount);
    if (object) return object;
    if (mount.handleBytes > 0 && takeHandle(dirfd, cName(name)) === 0) {
      const { bytes, type } = handle;
      const id = gfidOfHandle(mount.tag, type, bytes, mount.handleBytes);
      // Between the two calls the name may have come to stand for another object.
      const same = inoInHandle(mount.type, { type, bytes, at: 0, length: bytes.length }) === stat.inoKey;
      if (id && same && stat.inoKey !== this.root.ino) return this.#remember(mount, id);
    }
    return this.met(this.openPath(dirfd, cName(name)));
  }

  /** Who `fd` is, whom `stat` tells of. */
  identify(mount: Mount, fd: number): GfidAndHint {
    const { tag, handleBytes } = mount;
    const given = handleBytes > 0 && takeHandle(fd) === 0;
    const id = given ? gfidOfHandle(tag, handle.type, handle.bytes, handleBytes) : undefined;
    return id ?? this.#idByInode(mount);
  }

  /** Who `fd` is. */
  gfidOf(fd: number): Buffer {
    if (statFd(fd) < 0) throw lastError('statx');
    const mount = this.mounts.of(flags => openat(AT_FDCWD, procFd(fd), flags & ~O_NOFOLLOW, 0));
    if (statFd(fd) < 0) throw lastError('statx');
    if (mount === this.root.mount && stat.inoKey === this.root.ino) return ROOT_GFID;
    return this.identify(mount, fd).gfid;
  }

  /** `open`, and once more after closing what is idle if there are too many descriptors. */
  opened(open: () => number, what: string): number {
    let fd = open();
    if (fd >= 0) return fd;
    let number = errno();
    if (number === ERRNO.EMFILE || number === ERRNO.ENFILE || number === ERRNO.ENOMEM) {
      for (const cache of Object.values(this.caches) as DescriptorCache[]) cache.evict(1 + (cache.count >> 1));
      fd = open();
      if (fd >= 0) return fd;
      number = ERRNO.EJUKEBOX;
    }
    throw systemError(number, what);
  }

  /**
   * The object has lost its last name: it is not to be kept alive, nor its number to be taken for it. Answers who it was,
   * if that is known.
   */
  gone(mount: Mount, ino: number | bigint): PosixObject | undefined {
    const object = mount.inodes.get(ino);
    mount.inodes.delete(ino);
    this.index?.died(mount, ino);
    if (!object) return undefined;
    if (object.file) object.file.dirty = false; // nobody can ask for the data any more
    object.close();
    return object;
  }

  /**
   * Closes everything. If another tree has taken this one's place, calls may still be under way. Whatever they ask for
   * then is stale.
   */
  close(): void {
    for (const cache of Object.values(this.caches) as DescriptorCache[]) cache.clear();
    this.root.path = undefined;
    this.mounts.close();
  }

  #idByInode(mount: Mount): GfidAndHint {
    if (this.index && mount.hidesWho) return this.index.identify(mount);
    return gfidOfInode(mount.tag, stat.inoKey, stat.btime, stat.btimeNsec);
  }

  #adopt(inode: Inode): PosixObject {
    const object = isRoot(inode.gfid) ? this.root : this.find(inode.gfid, inode.hint);
    inode.slots[this.#slot] = object;
    return object;
  }

  /**
   * Assigns the object to the mount that has the same file system now, since its own was dropped from the table.
   * EJUKEBOX if there is none.
   */
  #return(object: PosixObject): void {
    if (!object.mount.byHandle) return; // the index finds the object through its directories
    object.mount = this.mounts.byTag(object.mount.tag);
    object.mount.inodes.set(object.ino, object);
  }

  #mountOf(gfid: Buffer, hint: Buffer | undefined): Mount {
    const tag = tagOf(hint ?? gfid);
    // The index finds objects by way of their directories, so the mount need not be known beforehand.
    return this.mounts.root.byHandle ? this.mounts.byTag(tag) : this.mounts.root;
  }

  #remembered(mount: Mount, gfid: Buffer, hint: Buffer | undefined): PosixObject | undefined {
    const at = handleOf(gfid, hint, mount.handleBytes);
    const ino = at && inoInHandle(mount.type, at);
    const object = ino === undefined ? undefined : mount.inodes.get(ino);
    return object?.gfid.equals(gfid) === true ? object : undefined;
  }

  /** O_PATH. ESTALE if the object is gone. */
  #open(mount: Mount, gfid: Buffer, hint: Buffer | undefined): number {
    if (mount.fd < 0) throw fsError('ESTALE', 'another tree is served in place of the one that the object is in');
    const at = mount.byHandle ? handleOf(gfid, hint, mount.handleBytes) : undefined;
    if (at === undefined) {
      if (this.index) return this.index.open(gfid);
      throw fsError('ESTALE', 'the object has no handle, and there is no index');
    }
    asRoot();
    try {
      return this.opened(() => openHandle(mount.fd, at.type, at.bytes, at.at, at.length), 'open_by_handle_at');
    } catch (error) {
      const { code } = error as { code?: string };
      throw code === 'ENOENT' || code === 'EINVAL' ? fsError('ESTALE', 'the object is gone') : error;
    }
  }

  /** All its names are gone, but for what we hold open ourselves: is it open elsewhere? */
  #recheck(object: PosixObject): number {
    if (object === this.root) throw fsError('ESTALE', 'the volume’s directory was removed');
    object.close();
    const fd = this.fd(object);
    if (statFd(fd) < 0) throw lastError('statx');
    // A removed directory may be held by what we hold of its entries; nobody can do anything with it.
    if (stat.nlink === 0 && (stat.mode & S_IFMT) === S_IFDIR) {
      object.close();
      throw fsError('ESTALE', 'the directory is gone');
    }
    return fd;
  }
}
