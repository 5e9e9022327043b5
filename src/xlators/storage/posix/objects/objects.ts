/** Finds the objects of inodes and names in the file system, and opens descriptors of them. */
import type { Inode } from '../../../../graph/inode.ts';
import { keptCopy } from '../../../../kept-bytes.ts';
import type { Log } from '../../../../log.ts';
import { AT_FDCWD, O_CLOEXEC, O_NOFOLLOW, O_PATH, S_IFDIR, S_IFMT } from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { openHandle } from '../../../../sys/files/handles.ts';
import { cName, procFd } from '../../../../sys/files/names.ts';
import { type Stat, statFd } from '../../../../sys/files/statx.ts';
import { close, openat } from '../../../../sys/libc.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import type { DescriptorCaches } from './caches.ts';
import { Descriptor } from './descriptors.ts';
import type { Finder } from './finder.ts';
import { type GfidAndHint, handleOf, isRoot, tagOf } from './gfid.ts';
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import { identify, identifyName, remembered, rememberedByHandle } from './identify.ts';
import type { HandleUse } from './mount.ts';
import { Mounts } from './mounts.ts';
import { type ObjectMount, PosixObject } from './object.ts';

/** An inode of this age is identified by number and birth time: the clock has ticked since, so neither comes again. */
const SETTLED_MS = 10;

export interface ObjectsOptions {
  /** The volume's root, whose mount's descriptor is taken over. */
  readonly root: PosixObject;
  /** The xlator's index into `Inode.slots`. */
  readonly slot: number;
  readonly handles: HandleUse;
  readonly caches: DescriptorCaches;
  readonly log: Log;
  /** Makes the finder of objects whose handles cannot be opened. */
  readonly finder?: ((objects: Objects) => Finder) | undefined;
}

/** An object, and the attributes that the kernel has just returned for it. */
export interface SeenObject {
  readonly object: PosixObject;
  readonly seen: Stat;
}

/**
 * Methods that take a {@link Stat} expect it to describe the object in question. Afterwards it describes the object
 * that they return.
 */
export class Objects {
  readonly root: PosixObject;
  readonly mounts: Mounts;
  readonly caches: DescriptorCaches;
  readonly finder: Finder | undefined;
  readonly #slot: number;

  constructor({ root, slot, handles, caches, log, finder }: ObjectsOptions) {
    this.#slot = slot;
    this.caches = caches;
    this.mounts = new Mounts(root.mount, handles, log);
    this.root = root;
    root.path = new Descriptor(root.mount.fd, root, caches.paths, false);
    root.path.dropped = true; // never in the cache: open until the end
    this.finder = finder?.(this);
  }

  /** Returns the object of an inode. ESTALE if the inode has none yet and the object is gone. */
  of(inode: Inode): PosixObject {
    return (inode.slots[this.#slot] as PosixObject | undefined) ?? this.#adopt(inode);
  }

  /** Returns a descriptor for `…at` calls and for those that take AT_EMPTY_PATH. It is valid until the next fop. */
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
    if (object.mount.left) this.#findMount(object);
    const fd = this.#open(object.mount, object.gfid, object.hint);
    object.path = this.caches.paths.add(object, fd);
    return fd;
  }

  /** Asks for an object's attributes. ESTALE if it is gone. {@link fd} may return another descriptor afterwards. */
  stat(object: PosixObject): Stat {
    const seen = this.look(object, this.fd(object));
    if (seen === undefined) throw lastError('statx');
    return seen.nlink === 0 ? this.#recheck(object) : seen;
  }

  /** Asks for the attributes of an object through its open descriptor `fd`. `undefined` with errno if that fails. */
  look(object: PosixObject, fd: number): Stat | undefined {
    const seen = statFd(fd);
    if (seen !== undefined) this.checkBirth(object, seen);
    return seen;
  }

  /** Notes that the birth time of the object has changed, if overlayfs has copied it. */
  checkBirth(object: PosixObject, seen: Stat): void {
    if (seen.btimeNsec === object.btimeNsec || !object.mount.copiesUp) return;
    object.btime = seen.btime;
    object.btimeNsec = seen.btimeNsec;
    object.settled = false;
    this.finder?.birthChanged(object, seen);
  }

  /** Returns the object with this gfid, whether or not an inode refers to it. */
  find(gfid: Buffer, hint: Buffer | undefined): PosixObject {
    if (isRoot(gfid)) return this.root;
    const mount = this.#mountFor(gfid, hint);
    return rememberedByHandle(mount, gfid, hint) ?? this.takeOver(this.#open(mount, gfid, hint), { gfid, hint });
  }

  /** Returns the object called `name` in the directory `dirfd`. */
  named(dirfd: number, name: Buffer, seen: Stat): PosixObject {
    const mount = this.mounts.find(seen) ?? this.#addMountAt(dirfd, name, seen);
    return this.#recall(mount, seen) ?? this.takeOver(this.openPath(dirfd, name));
  }

  /** Like {@link named}, but opens the object only if its handle does not identify it: for listings. */
  listed(dirfd: number, name: string, seen: Stat): PosixObject {
    const mount = this.mounts.find(seen) ?? this.#addMountAt(dirfd, cName(name), seen);
    const object = this.#recall(mount, seen);
    if (object) return object;
    const id = identifyName(mount, dirfd, name, seen);
    if (id !== undefined && seen.inoKey !== this.root.ino) return this.#remember(mount, id, seen);
    return this.takeOver(this.openPath(dirfd, cName(name)));
  }

  #recall(mount: ObjectMount, seen: Stat): PosixObject | undefined {
    const object = remembered(mount, seen);
    if (object !== undefined) this.checkBirth(object, seen);
    return object;
  }

  /** Opens a name with O_PATH, without following a symlink. */
  openPath(dirfd: number, name: Buffer): number {
    return this.caches.opened(() => openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0), 'open');
  }

  /** Returns the object of an O_PATH descriptor, which is taken over. If `id` is given, it need not be identified. */
  takeOver(fd: number, id?: GfidAndHint): PosixObject {
    try {
      const seen = statxOf(fd);
      const mount = this.#mountOf(fd, seen);
      if (this.#isRoot(mount, seen)) {
        close(fd);
        return this.root;
      }
      const object = this.#remember(mount, id ?? identify(this.finder, mount, fd, seen), seen);
      if (object.path === undefined) object.path = this.caches.paths.add(object, fd);
      else close(fd);
      return object;
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** Returns the object of a new file that is open for reading and writing as `fd`, which is taken over. */
  takeOverFile(fd: number): SeenObject {
    try {
      const seen = statxOf(fd);
      const mount = this.#mountOf(fd, seen);
      const object = this.#remember(mount, identify(this.finder, mount, fd, seen), seen);
      object.file = this.caches.files.add(object, fd, true);
      return { object, seen };
    } catch (error) {
      close(fd);
      throw error;
    }
  }

  /** Returns the gfid of what is open as `fd`. */
  gfidOf(fd: number): Buffer {
    const seen = statxOf(fd);
    const mount = this.#mountOf(fd, seen);
    return this.#isRoot(mount, seen) ? ROOT_GFID : identify(this.finder, mount, fd, seen).gfid;
  }

  /**
   * Must be called when an object has lost its last name: unless an fd needs it, it is not kept open any longer, and another
   * object that gets its inode number is not taken for it. Returns the object if it was remembered.
   */
  lastNameRemoved(mount: ObjectMount, ino: number | bigint): PosixObject | undefined {
    const object = mount.inodes.get(ino);
    mount.inodes.delete(ino);
    this.finder?.inodeGone(mount, ino);
    if (!object) return undefined;
    object.removed = true;
    if (object.opens === 0) object.discard();
    return object;
  }

  /**
   * Closes everything. If another tree has taken the place of this one, calls may still be under way: the objects that
   * they ask for from then on are stale.
   */
  close(): void {
    this.caches.clear();
    this.root.path = undefined;
    this.mounts.close();
  }

  #adopt(inode: Inode): PosixObject {
    const object = this.find(inode.gfid, inode.hint);
    if (object !== this.root) this.stat(object); // ESTALE if a remembered object is gone
    inode.slots[this.#slot] = object;
    return object;
  }

  #isRoot(mount: ObjectMount, seen: Stat): boolean {
    return mount === this.root.mount && seen.inoKey === this.root.ino;
  }

  /** Returns the mount that `fd` is on. */
  #mountOf(fd: number, seen: Stat): ObjectMount {
    return this.mounts.find(seen) ?? this.#addMountOf(fd, seen);
  }

  #addMountOf(fd: number, seen: Stat): ObjectMount {
    const mount = this.mounts.add(seen, flags => openat(AT_FDCWD, procFd(fd), flags & ~O_NOFOLLOW, 0));
    statxOf(fd); // `seen` describes the mount, and is to describe the object again
    return mount;
  }

  #addMountAt(dirfd: number, name: Buffer, seen: Stat): ObjectMount {
    return this.mounts.add(seen, flags => openat(dirfd, name, flags, 0));
  }

  /** Returns the object that has this gfid, and remembers it. */
  #remember(mount: ObjectMount, { gfid, hint }: GfidAndHint, seen: Stat): PosixObject {
    const ino = seen.inoKey;
    const before = mount.inodes.get(ino);
    const object =
      before?.gfid.equals(gfid) === true ? before : new PosixObject(mount, keptCopy(gfid), hint && keptCopy(hint));
    object.ino = ino;
    object.btime = seen.btime;
    object.btimeNsec = seen.btimeNsec;
    object.settled = seen.hasBtime && Date.now() - (seen.btime * 1000 + seen.btimeNsec / 1e6) > SETTLED_MS;
    if (object !== before) mount.inodes.set(ino, object);
    return object;
  }

  /**
   * Assigns the object to the mount that has the same file system now, since its own was dropped from the table.
   * EJUKEBOX if there is none.
   */
  #findMount(object: PosixObject): void {
    if (!object.mount.byHandle) return; // the finder reaches the object through its directories
    object.mount = this.mounts.byTag(object.mount.tag);
    object.mount.inodes.set(object.ino, object);
  }

  #mountFor(gfid: Buffer, hint: Buffer | undefined): ObjectMount {
    const tag = tagOf(hint ?? gfid);
    // The finder reaches objects through their directories, so the mount need not be known beforehand.
    return this.mounts.root.byHandle ? this.mounts.byTag(tag) : this.mounts.root;
  }

  /** Opens an object with O_PATH. ESTALE if it is gone. */
  #open(mount: ObjectMount, gfid: Buffer, hint: Buffer | undefined): number {
    if (mount.fd < 0) throw fsError('ESTALE', 'another tree is served in place of the one that the object is in');
    const at = mount.byHandle ? handleOf(gfid, hint, mount.handleBytes) : undefined;
    if (at === undefined) {
      if (this.finder) return this.finder.open(gfid);
      throw fsError('ESTALE', 'the object has no handle, and there is no index');
    }
    asRoot();
    try {
      return this.caches.opened(() => openHandle(mount.fd, at.type, at.bytes, at.at, at.length), 'open_by_handle_at');
    } catch (error) {
      const { code } = error as { code?: string };
      throw code === 'ENOENT' || code === 'EINVAL' ? fsError('ESTALE', 'the object is gone') : error;
    }
  }

  /** Finds out whether an object without names exists only because this brick holds it open for no fd. */
  #recheck(object: PosixObject): Stat {
    if (object === this.root) throw fsError('ESTALE', 'the volume’s directory was removed');
    if (object.opens === 0) object.close();
    const seen = this.look(object, this.fd(object));
    if (seen === undefined) throw lastError('statx');
    // Open descriptors of its entries may keep a removed directory. It cannot be used.
    if (seen.nlink === 0 && (seen.mode & S_IFMT) === S_IFDIR && object.opens === 0) {
      object.close();
      throw fsError('ESTALE', 'the directory is gone');
    }
    return seen;
  }
}

function statxOf(fd: number): Stat {
  const seen = statFd(fd);
  if (seen === undefined) throw lastError('statx');
  return seen;
}
