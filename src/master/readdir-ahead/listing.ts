import { setImmediate as turn } from 'node:timers/promises';
import { type Dirent, direntBytes, type DirList } from '../../graph/fops.ts';
import type { Frame } from '../../graph/frame.ts';
import type { Inode } from '../../graph/inode.ts';
import type { Xlator } from '../../graph/xlator.ts';
import type { InodeTable } from '../../inode/table.ts';
import type { Changes } from './changes.ts';

export type ListingFop = 'readdir' | 'readdirp';

/** A volume whose directories are listed. */
export interface Listed {
  readonly top: Xlator;
  readonly table: InodeTable;
  readonly changes: Changes;
}

/** What was listed, and how old it is. */
export interface Batch {
  readonly list: DirList;
  /** When it was asked for, on the clock of `performance.now()`. */
  readonly askedAt: number;
  /** How many changes there had been then. */
  readonly changes: number;
}

/** A batch that was asked for earlier than this is not told any more: others may have changed what it tells of. */
export const AGE_MAX_MS = 1000;
/**
 * The most bytes that are read ahead, unless the client asks for more at a time: as many as a brick answers at once. For each
 * call it opens the directory and reads some hundred names, so that 600 entries at a time cost it 19 µs each, 200 cost it
 * 23 µs, and 50 cost it 38 µs.
 */
const AHEAD_BYTES_MAX = 96 * 1024;
/** After batches that were read in vain, as many calls as this at most are made without reading ahead. */
const PAUSE_MAX = 16;

/** Asks for a batch now. */
export async function ask(
  volume: Listed,
  frame: Frame,
  inode: Inode,
  fop: ListingFop,
  size: number,
  cookie: bigint,
): Promise<Batch> {
  const changes = volume.changes.count;
  const askedAt = performance.now();
  return { list: await volume.top[fop](frame, inode.fd, size, cookie), askedAt, changes };
}

/**
 * The listing of a directory by one caller, which is read one batch ahead: the bricks work on the next batch while the
 * server and the client work on the present one.
 */
export class Listing {
  readonly volume: Listed;
  /** The caller. Others may have other rights. */
  readonly frame: Frame;
  readonly inode: Inode;
  readonly fop: ListingFop;
  usedAt = 0;
  /** What was answered last. The client may have taken a part of it only. */
  #batch: Batch | undefined;
  /** What comes behind that. */
  #next: Promise<Batch | undefined> | undefined;
  /** How many bytes were read ahead last. It doubles each time, so that little is lost if the client does not go on. */
  #aheadBytes = 0;
  #pause = 0;
  #pauseNext = 0;

  constructor(volume: Listed, frame: Frame, inode: Inode, fop: ListingFop) {
    this.volume = volume;
    this.frame = frame;
    this.inode = inode;
    this.fop = fop;
  }

  /** Takes what was asked for without this listing, and reads on behind it. */
  async took(batch: Batch, size: number): Promise<DirList> {
    this.#batch = batch;
    this.#aheadBytes = 0;
    return this.#answer(batch, size);
  }

  /** What was read of the entries after a cookie, about `size` bytes or more. `undefined`: it must be asked for. */
  async after(cookie: bigint, size: number): Promise<DirList | undefined> {
    const [batch, next] = [this.#batch, this.#next];
    const rest = batch && restOf(batch.list.entries, cookie);
    if (rest === undefined) return undefined;
    if (this.#holds(batch!) && (batch!.list.eof || bytesOf(rest, size) >= size)) {
      this.#batch = withEntries(batch!, rest);
      return this.#batch.list;
    }
    if (next === undefined) return undefined;
    const more = await next;
    if (this.#next !== next) return undefined; // another call has gone on
    const holds = more !== undefined && this.#holds(more) && (rest.length === 0 || this.#holds(batch!));
    this.#pauseNext = holds ? 0 : Math.min(PAUSE_MAX, this.#pauseNext * 2 || 1);
    this.#pause = this.#pauseNext;
    if (!holds) return undefined;
    // The attributes are as old as the oldest of both.
    this.#batch =
      rest.length === 0 ? more : { ...batch!, list: { ...more.list, entries: [...rest, ...more.list.entries] } };
    return this.#answer(this.#batch, size);
  }

  async #answer({ list }: Batch, size: number): Promise<DirList> {
    this.#next = undefined;
    const last = list.entries.at(-1);
    if (list.eof || last === undefined) return list;
    if (this.#pause > 0) {
      this.#pause--;
      return list;
    }
    this.#aheadBytes = Math.max(size, Math.min(AHEAD_BYTES_MAX, this.#aheadBytes * 2));
    this.#next = this.#ask(this.#aheadBytes, last.cookie);
    // The call to the brick leaves at the end of this turn of the event loop, and the answer is worked on after that.
    await turn();
    await turn();
    return list;
  }

  #ask(size: number, cookie: bigint): Promise<Batch | undefined> {
    const { volume, frame, inode, fop } = this;
    volume.table.ref(inode);
    return ask(volume, frame, inode, fop, size, cookie)
      .catch(() => undefined) // the client's own call will show what is wrong
      .finally(() => volume.table.unref(inode));
  }

  #holds({ list, askedAt, changes }: Batch): boolean {
    return performance.now() - askedAt <= AGE_MAX_MS && this.volume.changes.spared(changes, list);
  }
}

/** The entries after a cookie; `undefined` if it is none of theirs. Most clients go on at the end. */
function restOf(entries: readonly Dirent[], cookie: bigint): readonly Dirent[] | undefined {
  for (let i = entries.length - 1; i >= 0; i--) if (entries[i]!.cookie === cookie) return entries.slice(i + 1);
  return undefined;
}

/** How many bytes of a listing entries take, as far as that is less than `max`. */
function bytesOf(entries: readonly Dirent[], max: number): number {
  let bytes = 0;
  for (const { name, iatt } of entries) {
    bytes += direntBytes(name.length, iatt !== undefined);
    if (bytes >= max) break;
  }
  return bytes;
}

const withEntries = (batch: Batch, entries: readonly Dirent[]): Batch => ({
  ...batch,
  list: { ...batch.list, entries },
});
