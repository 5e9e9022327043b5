/** The file systems that are mounted at and below the volume's root. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Log } from '../../../../log.ts';
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../../../sys/constants.ts';
import { fsError, lastError } from '../../../../sys/failure.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import { close, openat } from '../../../../sys/libc.ts';
import { cText } from '../../../../sys/files/names.ts';
import { type Stat, statFd } from '../../../../sys/files/statx.ts';
import { isWithin, pathOf } from '../../../../sys/files/paths.ts';
import { statfs, statfsFd } from '../../../../sys/files/statfs.ts';
import { type MountLine, parseMountInfo } from './mountinfo.ts';
import type { ObjectMount } from './object.ts';
import { type HandleUse, Mount } from './mount.ts';

/** How many file systems may be in use below the root. Further ones are refused. */
const MOUNTS_MAX = 4096;
/** The least time between two readings of the mount table in search of a file system that is not known. */
const SEARCH_MS = 1000;
/** A mount is dropped from the table after this many ticks in which nothing of it was open. */
const IDLE_TICKS = 2;

export class Mounts {
  readonly root: ObjectMount;
  /** Which handles are opened on what is mounted below the root. */
  readonly #handles: HandleUse;
  readonly #log: Log;
  readonly #all: ObjectMount[] = [];
  /** The mount points of the mounts in the table and of those that were dropped from it, by their tags. */
  readonly #points = new Map<number, string>();
  /** The mount that was found last, which is most often the next one as well. */
  #last: ObjectMount;
  /** When a mount was last searched for in vain, on the clock of `Date.now()`. */
  #searchedMs = 0;

  constructor(root: ObjectMount, handles: HandleUse, log: Log) {
    this.#log = log;
    this.root = root;
    this.#handles = handles === 'lasting' && root.byHandle ? 'any' : handles;
    this.#all.push(root);
    this.#last = root;
  }

  /** Returns the mount of the object that `seen` describes, if it is in the table. */
  find({ mountId, dev }: Stat): ObjectMount | undefined {
    const last = this.#last;
    if (last.dev === dev && last.mountId === mountId) return last;
    const found = this.#all.find(mount => mount.dev === dev && mount.mountId === mountId);
    if (found !== undefined) this.#last = found;
    return found;
  }

  /**
   * Adds the mount of the object that `seen` describes, which is not in the table yet. `open` opens the object with the
   * given flags. Afterwards `seen` describes another object.
   */
  add(seen: Stat, open: (flags: number) => number): ObjectMount {
    const type = seen.mode & S_IFMT;
    if (type !== S_IFDIR && type !== S_IFREG) throw fsError('EACCES', 'a special file is mounted here');
    asRoot();
    const fd = open(O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw lastError('opening what is mounted here');
    return (this.#last = this.#add(fd));
  }

  /**
   * Returns the mount with that tag. One that is not in the table is searched for below the root. EJUKEBOX if no such
   * file system is mounted now.
   */
  byTag(tag: number): ObjectMount {
    if (tag === 0) return this.root;
    const present = this.#all.find(mount => mount.tag === tag);
    if (present) return present;
    const now = Date.now();
    if (now - this.#searchedMs >= SEARCH_MS) {
      const found = this.#search(tag);
      if (found) return found;
      this.#searchedMs = now;
      this.#log.warn(
        { tag },
        'a handle is of a file system that is not mounted below the volume: clients are told to try again later',
      );
    }
    throw fsError('EJUKEBOX', 'the file system of this object is not mounted');
  }

  /** Whether there are mounts besides the root's. */
  get hasBelow(): boolean {
    return this.#all.length > 1;
  }

  /** Must be called at regular intervals. Drops mounts of which nothing is open, except for the root's. */
  tick(): void {
    for (const mount of this.#all.slice(1)) {
      mount.idleTicks = mount.open > 0 ? 0 : mount.idleTicks + 1;
      if (mount.idleTicks >= IDLE_TICKS) this.#leave(mount);
    }
  }

  #leave(mount: ObjectMount): void {
    mount.left = true;
    this.#all.splice(this.#all.indexOf(mount), 1);
    if (this.#last === mount) this.#last = this.root;
    close(mount.fd);
  }

  close(): void {
    for (const fd of new Set(this.#all.map(mount => mount.fd))) close(fd);
    for (const mount of this.#all) mount.fd = -1;
    this.#all.length = 0;
  }

  /** Adds the mount on which `fd` is open. Takes over `fd`. */
  #add(fd: number): ObjectMount {
    const seen = statFd(fd);
    if (seen === undefined) {
      const error = lastError('statx of a mount');
      close(fd);
      throw error;
    }
    const { mountId, dev, hasBtime: births } = seen;
    if (this.#all.length >= MOUNTS_MAX) {
      close(fd);
      throw fsError('EMFILE', `more than ${MOUNTS_MAX} file systems are mounted below the volume`);
    }
    // One mount may have several devices (the subvolumes of btrfs). The file system tells their handles apart.
    const sibling = mountId === 0 ? undefined : this.#all.find(mount => mount.mountId === mountId);
    const line = sibling ? undefined : mountTable().find(({ id }) => id === mountId);
    const tag = sibling?.tag ?? tagOfMount(fd, line);
    const mount: ObjectMount = new Mount(fd, { tag, mountId, dev, births, isRoot: false }, this.#handles);
    // A file system that is mounted twice may have one tag, since either mount opens its handles.
    if (!sibling && this.#all.some(other => other.tag === tag && other.fsid !== mount.fsid)) {
      close(fd);
      throw fsError('EXDEV', 'this file system cannot be told from another one below the volume');
    }
    if (this.#handles === 'any' && !(mount.byHandle && mount.handlesLast)) {
      const why =
        'clients get ESTALE for its objects some time after their last use; "option index on" of the brick avoids that';
      this.#log.warn(
        { mounted: line?.point, type: line?.fsType },
        `a file system below the volume has no lasting handles: ${why}`,
      );
    }
    this.#all.push(mount);
    this.#remember(tag, line?.point);
    return mount;
  }

  /** Remembers the mount point of a tag, as the latest of a bounded number. */
  #remember(tag: number, point: string | undefined): void {
    if (point === undefined) return;
    this.#points.delete(tag);
    this.#points.set(tag, point);
    if (this.#points.size > MOUNTS_MAX) this.#points.delete(this.#points.keys().next().value!);
  }

  /** Searches the mount table for a mount with this tag below the root, and adds it. */
  #search(tag: number): ObjectMount | undefined {
    const top = pathOf(this.root.fd);
    asRoot();
    const lines = mountTable();
    // The last known mount point is tried first, since the others may be many, and some may not answer.
    const last = this.#points.get(tag);
    for (const line of [...lines.filter(({ point }) => point === last), ...lines]) {
      if (!isWithin(line.point, top) || line.id === this.root.mountId || line.fsType === 'autofs') continue;
      if (this.#all.some(mount => mount.mountId === line.id)) continue;
      const fd = openat(AT_FDCWD, cText(line.point), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
      if (fd < 0) continue;
      const tagHere = statFd(fd)?.mountId === line.id ? tagOfMount(fd, line) : undefined;
      if (tagHere === tag) return this.#add(fd);
      close(fd);
    }
    return undefined;
  }
}

const mountTable = () => parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1'));

/**
 * Makes the tag of a mount from the file system's id and the part of the file system that is mounted. It is never 0,
 * which is the tag of the root's mount.
 */
function tagOfMount(fd: number, line: MountLine | undefined): number {
  if (statfsFd(fd) < 0) throw lastError('statfs of a mount');
  const hash = createHash('sha256')
    .update(`${statfs.type} ${statfs.fsid} ${line?.root ?? '/'}`)
    .digest();
  return hash.readUIntBE(0, 3) || 1;
}
