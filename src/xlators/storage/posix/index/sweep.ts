/**
 * Removes places from the index that no longer exist because local users have removed or moved the objects. All places
 * are checked in the background, a few at a time. An object that is missing at its place may have been moved, so the
 * whole volume is searched before it is forgotten.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { ERRNO, errnoOf } from '../../../../errno.ts';
import type { Log } from '../../../../log.ts';
import { asRoot } from '../../../../sys/process/identity.ts';
import { close, errno } from '../../../../sys/libc.ts';
import { cName } from '../../../../sys/files/names.ts';
import { statName } from '../../../../sys/files/statx.ts';
import { tagOf } from '../objects/gfid.ts';
import type { IndexWrites } from './writes.ts';
import { keyOf, type PlaceSearch, type Wanted } from './search.ts';

/** When the first sweep begins after the start, and the shortest pause after a sweep. */
const FIRST_MS = 60_000;
const REST_MS = 10 * 60_000;
/** The pause after a sweep is at least this many times as long as the sweep took. */
const REST_RATIO = 20;
/** How many rows are read at a time, how long a step may take (calls wait for it), and the pause after a step. */
const PAGE = 256;
const STEP_MS = 3;
const PAUSE_MS = 50;
/** The most missing names for which one search is made; further ones wait for the next sweep. */
const MISSING_MAX = 10_000;

/** Rows that are forgotten by one transaction. */
const CHUNK = 64;

function* chunksOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += CHUNK) yield all.slice(at, at + CHUNK);
}

interface Row extends Wanted {
  readonly parent: Uint8Array;
  readonly name: Uint8Array;
}

/** The part of the index that the sweep uses. */
export interface Noted {
  /** Opens an object (O_PATH) at one of its noted places; `undefined` if it is at none of them. */
  openNoted(gfid: Buffer): number | undefined;
}

const NONE = new Uint8Array();

export class IndexSweep {
  readonly #writes: IndexWrites;
  readonly #search: PlaceSearch;
  readonly #noted: Noted;
  readonly #log: Log;
  readonly #page: StatementSync;
  readonly #forget: StatementSync;
  readonly #forgetBirth: StatementSync;
  readonly #stop = new AbortController();
  /** The directory of the last row, which mostly is that of the next one as well. It is not kept open between steps. */
  #dir: { readonly parent: Uint8Array; readonly fd: number | undefined } | undefined;

  constructor(db: DatabaseSync, writes: IndexWrites, search: PlaceSearch, noted: Noted, log: Log) {
    this.#writes = writes;
    this.#search = search;
    this.#noted = noted;
    this.#log = log;
    this.#page = db.prepare(
      `SELECT parent, name, gfid, ino FROM place WHERE (parent, name) > (?, ?) ORDER BY parent, name LIMIT ${PAGE}`,
    );
    this.#forget = db.prepare('DELETE FROM place WHERE parent = ? AND name = ? AND gfid = ?');
    this.#forgetBirth = db.prepare('DELETE FROM birth WHERE tag = ? AND ino = ? AND gfid = ?');
  }

  /** Sweeps from time to time, until {@link stop}. */
  begin(): void {
    void this.#go();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Checks every name once. */
  async sweep(): Promise<void> {
    const missing: Row[] = [];
    await this.#each(this.#rows(), row => {
      if (!this.#isThere(row)) missing.push(row);
      return missing.length < MISSING_MAX;
    });
    if (missing.length === 0 || this.#isStopped) return;
    const gone = await this.#search.search(missing);
    if (gone === undefined || this.#isStopped) return;
    let forgotten = 0;
    await this.#each(chunksOf(missing), rows => {
      const lost = rows.filter(row => !this.#isThere(row)); // some may have been found or made again
      if (lost.length > 0) this.#writes.writeAll(() => this.#forgetAll(lost, gone));
      forgotten += lost.length;
      return true;
    });
    this.#log.info({ names: forgotten }, 'names that local users removed were deleted from the index of file handles');
  }

  #forgetAll(rows: readonly Row[], gone: ReadonlySet<string>): void {
    for (const { parent, name, gfid, ino } of rows) {
      this.#forget.run(parent, name, gfid);
      if (gone.has(keyOf(gfid))) this.#forgetBirth.run(tagOf(Buffer.from(gfid)), ino, gfid);
    }
  }

  get #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Sweeps and pauses in turn. */
  async #go(): Promise<void> {
    let rest = FIRST_MS;
    while (await this.#pause(rest, false)) {
      const began = performance.now();
      try {
        await this.sweep();
      } catch (error) {
        // An FsError means that the index cannot be used now, which was logged where it was detected.
        if (errnoOf(error) === undefined) this.#log.error({ err: error }, 'the sweep of the index failed');
      }
      rest = Math.max(REST_MS, REST_RATIO * (performance.now() - began));
    }
  }

  /** Returns false when there is nothing more to do. */
  async #pause(ms: number, ref = true): Promise<boolean> {
    await sleep(ms, undefined, { signal: this.#stop.signal, ref }).catch(() => {});
    return !this.#isStopped;
  }

  /** Reads all rows, a page at a time. */
  *#rows(): Generator<Row> {
    let last: Pick<Row, 'parent' | 'name'> = { parent: NONE, name: NONE };
    for (;;) {
      const rows = this.#writes.read(() => this.#page.all(last.parent, last.name)) as unknown as Row[];
      yield* rows;
      if (rows.length < PAGE) return;
      last = rows.at(-1)!;
    }
  }

  /** Runs `act` on all items until it returns false, in steps between which calls are served. */
  async #each<T>(all: Iterable<T>, act: (one: T) => boolean): Promise<void> {
    let until = performance.now() + STEP_MS;
    try {
      for (const one of all) {
        asRoot();
        if (!act(one)) return;
        if (performance.now() < until) continue;
        this.#leave();
        if (!(await this.#pause(PAUSE_MS))) return;
        until = performance.now() + STEP_MS;
      }
    } finally {
      this.#leave();
    }
  }

  /**
   * Returns a descriptor of the directory, valid within this step; `undefined` if the directory is no longer at its
   * place.
   */
  #enter(parent: Uint8Array): number | undefined {
    if (this.#dir !== undefined && Buffer.compare(this.#dir.parent, parent) === 0) return this.#dir.fd;
    this.#leave();
    this.#dir = { parent, fd: this.#noted.openNoted(Buffer.from(parent)) };
    return this.#dir.fd;
  }

  /** Closes the descriptor of the directory that {@link #enter} has opened. */
  #leave(): void {
    if (this.#dir?.fd !== undefined) close(this.#dir.fd);
    this.#dir = undefined;
  }

  /**
   * Whether the name leads to an object with that inode number, or may do so. A name counts as present if it cannot be
   * checked, or if it is on a file system that is mounted below the volume, which may be absent for a while.
   */
  #isThere({ parent, name, ino, gfid }: Row): boolean {
    if (tagOf(Buffer.from(gfid)) !== 0) return true;
    const dir = this.#enter(parent);
    if (dir === undefined) return false;
    const seen = statName(dir, cName(Buffer.from(name).toString('latin1')));
    if (seen !== undefined) return String(seen.inoKey) === ino;
    const number = errno();
    return number !== ERRNO.ENOENT && number !== ERRNO.ENOTDIR;
  }
}
