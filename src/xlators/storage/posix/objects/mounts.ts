/** The file systems mounted at and below the volume's root. */
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
import { stat, statFd } from '../../../../sys/files/statx.ts';
import { isWithin, pathOf } from '../../../../sys/files/paths.ts';
import { statfs, statfsFd } from '../../../../sys/files/statfs.ts';
import { type MountLine, parseMountInfo } from './mountinfo.ts';
import type { PosixObject } from './object.ts';
import { type HandleUse, Mount } from './mount.ts';

/** How many file systems may be in use below the root. Further ones are refused. */
const MOUNTS_MAX = 4096;
/** How often the mount table is read again in search of a file system that is not known. */
const SEARCH_MS = 1000;
/** A mount is dropped from the table after this many ticks in which nothing of it was open. */
const IDLE_TICKS = 2;

export class Mounts {
  readonly root: Mount;
  /** Of what is mounted below the root. */
  readonly #handles: HandleUse;
  readonly #log: Log;
  readonly #reborn: (object: PosixObject) => void;
  readonly #all: Mount[] = [];
  /** The mount points of present mounts and of those that were dropped, by their tags. */
  readonly #points = new Map<number, string>();
  #last: Mount;
  #searchedMs = 0;

  /** `rootFd` is the root directory, open for reading; `stat` holds its attributes. */
  constructor(rootFd: number, handles: HandleUse, log: Log, reborn: (object: PosixObject) => void) {
    this.#log = log;
    this.#reborn = reborn;
    this.root = new Mount(
      rootFd,
      { tag: 0, mountId: stat.mountId, dev: stat.dev, births: stat.hasBtime, isRoot: true },
      handles,
      reborn,
    );
    this.#handles = handles === 'lasting' && this.root.byHandle ? 'any' : handles;
    this.#all.push(this.root);
    this.#last = this.root;
  }

  /** The mount of the object that `stat` tells of, and that `open` opens (for the server, O_RDONLY) if it is new. */
  of(open: (flags: number) => number): Mount {
    const { mountId, dev } = stat;
    const last = this.#last;
    if (last.dev === dev && last.mountId === mountId) return last;
    const known = this.#all.find(mount => mount.dev === dev && mount.mountId === mountId);
    return (this.#last = known ?? this.#discover(open, (stat.mode & S_IFMT) as number));
  }

  /** The mount of the object that `stat` tells of, if it is known. */
  peek(): Mount | undefined {
    const { mountId, dev } = stat;
    const last = this.#last;
    if (last.dev === dev && last.mountId === mountId) return last;
    return this.#all.find(mount => mount.dev === dev && mount.mountId === mountId);
  }

  /** The mount of that tag, searched below the root if it is not known yet. EJUKEBOX if it is not mounted (now). */
  byTag(tag: number): Mount {
    if (tag === 0) return this.root;
    const known = this.#all.find(mount => mount.tag === tag);
    if (known) return known;
    const now = Date.now();
    if (now - this.#searchedMs >= SEARCH_MS) {
      const found = this.#search(tag);
      if (found) return found;
      this.#searchedMs = now;
      this.#log.warn(
        { tag },
        'a handle is of a file system that is not mounted below the volume: callers are kept waiting',
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

  #leave(mount: Mount): void {
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

  #discover(open: (flags: number) => number, type: number): Mount {
    if (type !== S_IFDIR && type !== S_IFREG) throw fsError('EACCES', 'a special file is mounted here');
    asRoot();
    const fd = open(O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw lastError('opening what is mounted here');
    return this.#add(fd);
  }

  /** Takes over `fd`. */
  #add(fd: number): Mount {
    if (statFd(fd) < 0) {
      const error = lastError('statx of a mount');
      close(fd);
      throw error;
    }
    const { mountId, dev, hasBtime: births } = stat;
    if (this.#all.length >= MOUNTS_MAX) {
      close(fd);
      throw fsError('EMFILE', `more than ${MOUNTS_MAX} file systems are mounted below the volume`);
    }
    // One mount may have several devices (subvolumes of btrfs): their handles are told apart by the file system.
    const sibling = mountId === 0 ? undefined : this.#all.find(mount => mount.mountId === mountId);
    const line = sibling ? undefined : mountTable().find(({ id }) => id === mountId);
    const tag = sibling?.tag ?? tagOfMount(fd, line);
    const mount = new Mount(fd, { tag, mountId, dev, births, isRoot: false }, this.#handles, this.#reborn);
    // The same file system mounted twice may share a tag: either mount opens its handles.
    if (!sibling && this.#all.some(other => other.tag === tag && other.fsid !== mount.fsid)) {
      close(fd);
      throw fsError('EXDEV', 'this file system cannot be told from another one below the volume');
    }
    if (this.#handles === 'any' && !(mount.byHandle && mount.handlesLast)) {
      const why =
        'its objects are STALE to clients some time after their last use; "option index on" of the brick finds them';
      this.#log.warn(
        { mounted: line?.point, type: line?.fsType },
        `a file system below the volume has no lasting handles: ${why}`,
      );
    }
    this.#all.push(mount);
    this.#remember(tag, line?.point);
    return mount;
  }

  #remember(tag: number, point: string | undefined): void {
    if (point === undefined) return;
    this.#points.delete(tag);
    this.#points.set(tag, point);
    if (this.#points.size > MOUNTS_MAX) this.#points.delete(this.#points.keys().next().value!);
  }

  #search(tag: number): Mount | undefined {
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
      const tagHere = statFd(fd) === 0 && stat.mountId === line.id ? tagOfMount(fd, line) : undefined;
      if (tagHere === tag) return this.#add(fd);
      close(fd);
    }
    return undefined;
  }
}

const mountTable = () => parseMountInfo(readFileSync('/proc/self/mountinfo', 'latin1'));

/** Of the file system's id and of which part of it is mounted; never 0, the root's. */
function tagOfMount(fd: number, line: MountLine | undefined): number {
  if (statfsFd(fd) < 0) throw lastError('statfs of a mount');
  const hash = createHash('sha256')
    .update(`${statfs.type} ${statfs.fsid} ${line?.root ?? '/'}`)
    .digest();
  return hash.readUIntBE(0, 3) || 1;
}
