/** Searching what was moved behind our back, by its inode number, or everything if the index has lost some of it. */
import { ERRNO, errnoOf } from '../../../errno.ts';
import type { Log } from '../../../log.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../../sys/constants.ts';
import { DirentReader } from '../../../sys/dirents.ts';
import { fsError } from '../../../sys/failure.ts';
import { asRoot } from '../../../sys/identity.ts';
import { close, errno, openat } from '../../../sys/libc.ts';
import { cName, DOT, procFd } from '../../../sys/names.ts';
import type { Known } from './known.ts';
import type { Objects } from './objects.ts';

/** Entries that are looked at before a call is answered. */
const AT_ONCE_MAX = 10_000;
/** Entries for one step of a search in the background. */
const STEP = 1000;
/** Directories in each other. */
const DEPTH_MAX = 512;
/** Objects that are searched at the same time, and gfids that are remembered as gone. */
const WANTED_MAX = 10_000;

const LIST = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/** Gives `accept` the names in the directory that have that inode number, until it answers with something. */
export function findIn<T>(dirFd: number, ino: string, accept: (name: string) => T | undefined): T | undefined {
  const fd = openat(AT_FDCWD, procFd(dirFd), LIST & ~O_NOFOLLOW, 0);
  if (fd < 0) return undefined;
  try {
    const reader = new DirentReader();
    const wanted = BigInt(ino);
    for (let count = 0; count < AT_ONCE_MAX && reader.next(fd) > 0; count++) {
      if (reader.ino !== wanted || reader.name === '.' || reader.name === '..') continue;
      const found = accept(reader.name);
      if (found !== undefined) return found;
    }
    return undefined;
  } finally {
    close(fd);
  }
}

/** Where it is noted what was found. */
export interface Finds {
  note(known: Known, dir: Known, name: string): void;
  batch<T>(act: () => T): T;
  /** Everything there is was noted. */
  complete(): void;
}

interface Level {
  readonly fd: number;
  readonly reader: DirentReader;
  readonly known: Known;
  /** In the level before it; the root has none. */
  readonly name: string;
}

/** One walk through the volume at a time, in steps, for all that is missed when it begins. */
export class PlaceSearch {
  readonly #objects: Objects;
  readonly #finds: Finds;
  readonly #log: Log;
  /** By inode number: the gfids. */
  #waiting = new Map<string, Set<string>>();
  #walking: Map<string, Set<string>> | undefined;
  /** The next walk is to note everything, and the one under way does. */
  #wantsAll = false;
  #notesAll = false;
  /** What a whole walk did not find. */
  readonly #gone = new Set<string>();
  #stopped = false;

  constructor(objects: Objects, finds: Finds, log: Log) {
    this.#objects = objects;
    this.#finds = finds;
    this.#log = log;
  }

  /** Everything is to be noted: that is under way from now on. */
  everything(): void {
    if (this.#notesAll || this.#wantsAll) return;
    this.#wantsAll = true;
    if (!this.#walking) setImmediate(() => void this.#walk());
  }

  /** Whether the object is searched (again: ask later). False once it was searched everywhere. */
  missed(gfid: Buffer, ino: string): boolean {
    const key = gfid.toString('latin1');
    if (this.#gone.delete(key)) return false;
    if (this.#walking?.get(ino)?.has(key)) return true;
    if (this.#waiting.size < WANTED_MAX) {
      const gfids = this.#waiting.get(ino) ?? new Set();
      this.#waiting.set(ino, gfids.add(key));
    }
    if (!this.#walking) setImmediate(() => void this.#walk());
    return true;
  }

  stop(): void {
    this.#stopped = true;
  }

  async #walk(): Promise<void> {
    if (this.#walking || this.#stopped || !this.#isWanted) return;
    const walking = (this.#walking = this.#waiting);
    this.#waiting = new Map();
    this.#notesAll = this.#wantsAll;
    this.#wantsAll = false;
    if (this.#notesAll) this.#log.warn('searching the volume for what the index lost when the machine went down');
    else this.#log.info({ objects: walking.size }, 'searching the volume for what was moved behind our back');
    const levels: Level[] = [];
    try {
      asRoot();
      const top = openat(this.#objects.fd(this.#objects.root), DOT, LIST, 0);
      if (top >= 0) levels.push({ fd: top, reader: new DirentReader(), known: this.#objects.root, name: '' });
      while (levels.length > 0 && !this.#stopped) {
        asRoot();
        this.#finds.batch(() => this.#step(levels, walking));
        await new Promise(resolve => setImmediate(resolve));
      }
      if (!this.#stopped) this.#finish(walking);
    } catch (error) {
      this.#log.error({ err: error }, 'the search for what was moved failed');
    } finally {
      for (const { fd } of levels) close(fd);
      this.#walking = undefined;
      this.#notesAll = false;
    }
    if (this.#isWanted) setImmediate(() => void this.#walk());
  }

  get #isWanted(): boolean {
    return this.#waiting.size > 0 || this.#wantsAll;
  }

  #finish(wanted: Map<string, Set<string>>): void {
    for (const gfids of wanted.values()) {
      for (const gfid of gfids) {
        if (this.#gone.size >= WANTED_MAX) this.#gone.clear();
        this.#gone.add(gfid);
      }
    }
    if (this.#notesAll) this.#finds.complete();
  }

  #step(levels: Level[], wanted: Map<string, Set<string>>): void {
    for (let count = 0; count < STEP && levels.length > 0; count++) {
      const { fd, reader } = levels.at(-1)!;
      if (reader.next(fd) <= 0) {
        close(fd);
        levels.pop();
        continue;
      }
      const { name } = reader;
      if (name === '.' || name === '..') continue;
      if (this.#notesAll || wanted.has(String(reader.ino))) this.#look(levels, fd, name, wanted);
      if (reader.isDirectory && levels.length < DEPTH_MAX) this.#descend(levels, fd, name);
    }
  }

  #look(levels: Level[], fd: number, name: string, wanted: Map<string, Set<string>>): void {
    try {
      const known = this.#objects.met(this.#objects.openPath(fd, cName(name)));
      const isWanted = wanted.get(String(known.ino))?.delete(known.gfid.toString('latin1'));
      if (!isWanted && !this.#notesAll) return;
      // The way to it may be as new to the index as its place.
      for (let i = 1; i < levels.length; i++) this.#finds.note(levels[i]!.known, levels[i - 1]!.known, levels[i]!.name);
      this.#finds.note(known, levels.at(-1)!.known, name);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  #descend(levels: Level[], fd: number, name: string): void {
    const below = openat(fd, cName(name), LIST, 0);
    if (below < 0) {
      if (errno() === ERRNO.EMFILE) throw fsError('EMFILE', 'too many descriptors to search');
      return;
    }
    let known: Known;
    try {
      known = this.#objects.met(this.#objects.openPath(below, DOT));
    } catch (error) {
      close(below);
      if (errnoOf(error) === undefined) throw error;
      return;
    }
    levels.push({ fd: below, reader: new DirentReader(), known, name });
  }
}
