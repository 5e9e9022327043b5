/**
 * Walks through the volume in search of objects that local users have moved, by their inode numbers, or of everything
 * if the index may lack something.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ERRNO, errnoOf } from '../../../../errno.ts';
import type { Log } from '../../../../log.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../../../sys/constants.ts';
import { DirentReader } from '../../../../sys/files/dirents.ts';
import { lastError, systemError } from '../../../../sys/failure.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import { close, errno, openat } from '../../../../sys/libc.ts';
import { cName, DOT, procFd } from '../../../../sys/files/names.ts';
import type { PosixObject } from '../objects/object.ts';
import type { Objects } from '../objects/objects.ts';

/** How many entries of a directory are examined before a call is answered. */
const AT_ONCE_MAX = 10_000;
/** How many entries one step of a background search handles, and how long it may take (calls wait for it). */
const STEP = 1000;
const STEP_MS = 5;
/** The pause after a step, unless a client waits for the search. */
const PAUSE_MS = 20;
/** The pause before another attempt when the index could not be written. */
const AGAIN_MS = 250;
/** The greatest depth below the volume's root that is searched. */
const DEPTH_MAX = 512;
/** How many objects are searched for at the same time. Twice as many gfids are remembered as gone. */
const WANTED_MAX = 10_000;

/** Shortages of the whole machine. A directory that cannot be opened for such a reason could be searched later. */
const SHORTAGES: ReadonlySet<number> = new Set([ERRNO.EMFILE, ERRNO.ENFILE, ERRNO.ENOMEM]);

const LIST = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/** Calls `accept` with the names in the directory that have that inode number, until it returns a result. */
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

/** Notes what the search has found. */
export interface Finds {
  note(object: PosixObject, dir: PosixObject, name: string): void;
  /** Runs `act` and writes what it notes. EJUKEBOX if that cannot be written now. */
  batch<T>(act: () => T): T;
  /** Records that everything in the volume was noted. EJUKEBOX if that cannot be written now. */
  complete(): void;
}

/** An object that the search looks for. */
export interface Wanted {
  readonly gfid: Uint8Array;
  readonly ino: string;
}

/** A find to be noted: the object has this name in this directory. */
interface Find {
  readonly object: PosixObject;
  readonly dir: PosixObject;
  readonly name: string;
}

/** One walk through the volume: what it looks for, and the promise that is resolved when it ends. */
class Round {
  /** The gfids that are looked for, by inode number. */
  readonly wanted = new Map<string, Set<string>>();
  readonly ended = Promise.withResolvers<ReadonlySet<string> | undefined>();
  /** Whether the walk notes every object. */
  notesAll = false;
  /** Whether a client waits for the walk. */
  urgent = false;

  add({ gfid, ino }: Wanted): void {
    const gfids = this.wanted.get(ino) ?? new Set();
    this.wanted.set(ino, gfids.add(keyOf(gfid)));
  }

  has({ gfid, ino }: Wanted): boolean {
    return this.wanted.get(ino)?.has(keyOf(gfid)) === true;
  }
}

/** The form of a gfid that sets are keyed by. */
export const keyOf = (gfid: Uint8Array): string => Buffer.from(gfid).toString('latin1');

/** A directory that the walk is in. */
interface Level {
  readonly fd: number;
  readonly reader: DirentReader;
  readonly object: PosixObject;
  /** The name in the level above; the root has none. */
  readonly name: string;
}

/**
 * Whether the object is gone for good. If it could be examined later, a walk that passes it by must not call it gone.
 */
const isGone = (error: unknown): boolean => {
  const code = errnoOf(error);
  return code !== undefined && code !== 'EJUKEBOX';
};

/** Makes one walk through the volume at a time, in steps, for all objects that are missing when it begins. */
export class PlaceSearch {
  readonly #objects: Objects;
  readonly #finds: Finds;
  readonly #log: Log;
  #waiting: Round | undefined;
  #walking: Round | undefined;
  /** The gfids that a complete walk did not find. */
  readonly #gone = new Set<string>();
  #stopped = false;

  constructor(objects: Objects, finds: Finds, log: Log) {
    this.#objects = objects;
    this.#finds = finds;
    this.#log = log;
  }

  /** Starts a walk that notes every object, unless one is under way. */
  everything(): void {
    if (this.#walking?.notesAll === true) return;
    const round = this.#next();
    round.notesAll = true;
    round.urgent = true;
  }

  /** Starts a search for an object, unless one is under way. Returns false if a complete walk has not found it. */
  missed(gfid: Buffer, ino: string): boolean {
    if (this.#gone.delete(keyOf(gfid))) return false;
    const wanted = { gfid, ino };
    if (this.#walking?.has(wanted)) {
      this.#walking.urgent = true;
      return true;
    }
    const round = this.#next();
    round.urgent = true;
    if (round.wanted.size < WANTED_MAX) round.add(wanted);
    return true;
  }

  /**
   * Searches for these objects in a walk that begins after the call. Resolves to those that are nowhere, as the
   * {@link keyOf} of their gfids; `undefined` if the walk did not complete.
   */
  search(all: readonly Wanted[]): Promise<ReadonlySet<string> | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    const round = this.#next();
    for (const wanted of all) round.add(wanted);
    return round.ended.promise;
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting?.ended.resolve(undefined);
  }

  /** Returns the walk that begins next. */
  #next(): Round {
    if (this.#waiting === undefined) {
      this.#waiting = new Round();
      if (this.#walking === undefined) setImmediate(() => void this.#walk());
    }
    return this.#waiting;
  }

  async #walk(): Promise<void> {
    const round = this.#waiting;
    if (this.#walking !== undefined || round === undefined || this.#stopped) return;
    this.#walking = round;
    this.#waiting = undefined;
    if (round.notesAll) this.#log.warn('searching the volume for everything that the index of file handles may lack');
    else this.#log.info({ objects: round.wanted.size }, 'searching the volume for objects that local users moved');
    let gone: ReadonlySet<string> | undefined;
    try {
      if (await this.#walkThrough(round)) gone = this.#finish(round);
    } catch (error) {
      this.#log.error({ err: error }, 'the search for moved objects failed');
    }
    round.ended.resolve(gone);
    this.#walking = undefined;
    if (this.#waiting !== undefined) setImmediate(() => void this.#walk());
  }

  /** Walks through the volume; resolves to whether the walk was completed. */
  async #walkThrough(round: Round): Promise<boolean> {
    const levels: Level[] = [];
    try {
      asRoot();
      const top = openat(this.#objects.fd(this.#objects.root), DOT, LIST, 0);
      if (top < 0) throw lastError('listing of the volume’s directory');
      levels.push({ fd: top, reader: new DirentReader(), object: this.#objects.root, name: '' });
      while (levels.length > 0 && !this.#stopped) {
        asRoot();
        const found = this.#step(levels, round);
        await this.#persist(() => {
          if (found.length === 0) return;
          this.#finds.batch(() => {
            for (const { object, dir, name } of found) this.#finds.note(object, dir, name);
          });
        });
        await (round.urgent ? new Promise(resolve => setImmediate(resolve)) : sleep(PAUSE_MS));
      }
      if (round.notesAll && !this.#stopped) await this.#persist(() => this.#finds.complete());
      return !this.#stopped;
    } finally {
      for (const { fd } of levels) close(fd);
    }
  }

  /** Repeats `write` while the index cannot be written. */
  async #persist(write: () => void): Promise<void> {
    while (!this.#stopped) {
      try {
        write();
        return;
      } catch (error) {
        if (errnoOf(error) !== 'EJUKEBOX') throw error;
      }
      await sleep(AGAIN_MS);
    }
  }

  /** Returns the gfids that the walk did not find, and remembers them as gone. */
  #finish({ wanted }: Round): ReadonlySet<string> {
    const gone = new Set<string>();
    for (const gfids of wanted.values()) for (const gfid of gfids) gone.add(gfid);
    if (this.#gone.size + gone.size > 2 * WANTED_MAX) this.#gone.clear();
    for (const gfid of gone) this.#gone.add(gfid);
    return gone;
  }

  /** Handles the next entries, and returns what must be noted. */
  #step(levels: Level[], round: Round): Find[] {
    const found: Find[] = [];
    const until = performance.now() + STEP_MS;
    for (let count = 0; count < STEP && levels.length > 0; count++) {
      const { fd, reader } = levels.at(-1)!;
      if (reader.next(fd) <= 0) {
        close(fd);
        levels.pop();
        continue;
      }
      const { name } = reader;
      if (name === '.' || name === '..') continue;
      if (round.notesAll || round.wanted.has(String(reader.ino))) this.#look(levels, fd, name, round, found);
      if (reader.isDirectory && levels.length < DEPTH_MAX) this.#descend(levels, fd, name);
      if (performance.now() > until) break;
    }
    return found;
  }

  /** Examines a name in the innermost directory. Adds the object to `found` if it is wanted. */
  #look(levels: Level[], fd: number, name: string, { wanted, notesAll }: Round, found: Find[]): void {
    try {
      const object = this.#objects.takeOver(this.#objects.openPath(fd, cName(name)));
      const isWanted = wanted.get(String(object.ino))?.delete(keyOf(object.gfid));
      if (!isWanted && !notesAll) return;
      // The directories above may be as new to the index as the object.
      for (let i = 1; i < levels.length; i++) {
        found.push({ object: levels[i]!.object, dir: levels[i - 1]!.object, name: levels[i]!.name });
      }
      found.push({ object, dir: levels.at(-1)!.object, name });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  #descend(levels: Level[], fd: number, name: string): void {
    const below = openat(fd, cName(name), LIST, 0);
    if (below < 0) {
      const number = errno();
      if (SHORTAGES.has(number)) throw systemError(number, 'opening a directory to search it');
      return;
    }
    let object: PosixObject;
    try {
      object = this.#objects.takeOver(this.#objects.openPath(below, DOT));
    } catch (error) {
      close(below);
      if (!isGone(error)) throw error;
      return;
    }
    levels.push({ fd: below, reader: new DirentReader(), object, name });
  }
}
