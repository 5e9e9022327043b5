import { gfidKey } from '../../../../graph/gfid.ts';
import type { Inode } from '../../../../graph/inode.ts';
import type { Children } from '../children.ts';
import type { Lockee } from '../names.ts';
import type { Replicas } from '../replicas.ts';
import { Directory, TICK_MS } from './directory.ts';

/** The turn of a change of names. */
export interface Turn {
  /** The children on which the names are locked already; undefined if the change has to lock them. */
  readonly held: Children | undefined;
  /** The change is over, and its locks are given up. */
  readonly end: () => void;
}

/** The directories in which names are being changed, or were a moment ago. */
export class Directories {
  readonly #replicas: Replicas;
  readonly #directories = new Map<string, Directory>();
  #timer: NodeJS.Timeout | undefined;

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
  }

  /** Waits for the turn of a change that needs locks on these names. */
  async enter(lockees: readonly Lockee[]): Promise<Turn> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const places = lockees.map(({ inode, name }) => ({ directory: this.#of(inode), name }));
    // All before the first `await`: each change waits only for those that came before it.
    const before = places.flatMap(({ directory, name }) => directory.begin(name, over) ?? []);
    if (before.length > 0) await Promise.all(before);
    const [first] = places;
    const isApart = places.some(({ directory, name }) => directory !== first!.directory || name === undefined);
    const directories = [...new Set(places.map(({ directory }) => directory))];
    for (let next = obstacleOf(directories, isApart); next !== undefined; next = obstacleOf(directories, isApart))
      await next;
    const [lock] = directories.map(directory => directory.enter());
    const end = () => {
      for (const directory of directories) directory.leave(lock !== undefined);
      for (const { directory, name } of places) directory.forget(name, over);
      resolve();
    };
    return { held: lock?.held, end };
  }

  /** Another client wants to change names in a directory. */
  contended(gfid: Buffer): void {
    this.#directories.get(gfidKey(gfid))?.contended();
  }

  /** Gives up all locks that are kept. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#directories.values()].map(directory => directory.end()));
  }

  #of(inode: Inode): Directory {
    const key = gfidKey(inode.gfid);
    let directory = this.#directories.get(key);
    if (directory === undefined) this.#directories.set(key, (directory = new Directory(this.#replicas, inode)));
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    return directory;
  }

  #tick(): void {
    for (const [key, directory] of this.#directories) if (!directory.tick()) this.#directories.delete(key);
    if (this.#directories.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** What stands in the way of a change in these directories. */
function obstacleOf(directories: readonly Directory[], isApart: boolean): Promise<void> | undefined {
  for (const directory of directories) {
    const obstacle = isApart ? directory.obstacleApart() : directory.obstacle();
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}
