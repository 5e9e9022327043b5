/**
 * Lists directories from one child of several that have the same names. The cookies of other children mean other
 * positions, so each cookie has the number of its child, and the listing goes on there. If that child cannot be read any
 * longer, the listing goes on from another one: that is listed from its start, without the names that were told before.
 */
import { FsError } from '../../../errno.ts';
import type { DirList } from '../../../graph/fops.ts';
import { cookieBits, foldCookie, unfoldCookie } from '../../../graph/fops/cookies.ts';
import { gfidKey } from '../../../graph/gfid.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { type Continued, continuedOf, isTold, NOTHING, NUMBERS } from './continued.ts';
import { type Directory, remembered, type Remembered } from './directories.ts';

/** How a layer reads from its children. */
export interface Source {
  /** The address for which it lists. */
  readonly client: string;
  list(child: number, position: bigint): Promise<DirList>;
  /** Makes a call to the best child that can be read, and to the next one if that fails. */
  any<R>(call: (child: number) => Promise<R>): Promise<R>;
  /** Whether a child can be read. */
  canRead(child: number): Promise<boolean>;
  /** Whether an error is one that another child would not give. */
  isOfOne(error: unknown): boolean;
}

/** A page, and the child that it is from. */
export interface Page {
  readonly list: DirList;
  readonly child: number;
}

/** So many pages in which nothing is new are read for one call. A client that comes again goes on behind them. */
const PASSED_MAX = 32;

function listed(page: Page | undefined): Page {
  if (page === undefined) throw new FsError('EJUKEBOX', 'EJUKEBOX: the listing is behind names that were told before');
  return page;
}

export class Listings {
  readonly #name: string;
  readonly #children: readonly Xlator[];
  /** How many numbers the cookies have room for: each child in each listing that has gone on. */
  readonly #numbers: number;
  /** See {@link foldCookie}. */
  readonly #kept: number;
  readonly #remembered: Remembered;
  readonly #directories = new Map<string, Directory>();

  constructor(name: string, children: readonly Xlator[], all = remembered) {
    this.#name = name;
    this.#children = children;
    this.#numbers = children.length === 1 ? 1 : children.length * NUMBERS;
    this.#kept = children.reduce((most, child) => Math.max(most, child.cookieBits), 0);
    this.#remembered = all;
  }

  /** As `Xlator.cookieBits`. */
  get cookieBits(): number {
    return cookieBits(this.#numbers, this.#kept);
  }

  /** Forgets everything. */
  close(): void {
    this.#remembered.drop(this.#directories);
  }

  /** Lists the entries after a cookie of this layer. @throws {FsError} EINVAL: it is no such cookie, or no longer one */
  async page(inode: Inode, cookie: bigint, source: Source): Promise<Page> {
    if (cookie === 0n) return listed(await source.any(child => this.#from(inode, child, 0n, source)));
    const count = this.#children.length;
    const found = unfoldCookie(cookie, this.#numbers, this.#kept);
    const directory = this.#directories.get(gfidKey(inode.gfid));
    const id = found === undefined ? 0 : Math.floor(found.child / count);
    const continued = directory?.continued.get(id);
    const child = found === undefined ? -1 : found.child % count;
    // Names that were told are not known any more, so the listing can only begin anew.
    if (found === undefined || (id !== 0 && continued?.child !== child)) {
      throw new FsError('EINVAL', `EINVAL: ${this.#name}: ${cookie} is no cookie of a listing that is known`);
    }
    const position = directory?.recent.positionOf(cookie) ?? found.position;
    let error: unknown = new FsError('EJUKEBOX', `EJUKEBOX: ${this.#nameOf(child)} cannot be read`);
    if (await source.canRead(child)) {
      try {
        return listed(await this.#from(inode, child, position, source, continued));
      } catch (thrown) {
        if (!source.isOfOne(thrown)) throw thrown;
        error = thrown;
      }
    }
    const names = directory?.told[child];
    const forgotten = new FsError('EJUKEBOX', `EJUKEBOX: ${this.#nameOf(child)}, whose listing it is, cannot be read`);
    // The server was started anew, or so much was listed that this was forgotten. The child may come back.
    if (directory === undefined || names === undefined || names.until < position) throw forgotten;
    const told = [...(continued?.told ?? []), { names, position }];
    const page = await source.any(async other => {
      if (other === child) throw error;
      if (this.#directories.get(directory.key) !== directory) throw forgotten;
      const next = continuedOf(directory.continued, cookie, other, told);
      return this.#from(inode, other, 0n, source, next);
    });
    return listed(page);
  }

  /** Lists a child from a position on, without what was told before. `undefined`: only such names were found so far. */
  async #from(
    inode: Inode,
    child: number,
    begin: bigint,
    source: Source,
    continued?: Continued,
  ): Promise<Page | undefined> {
    let position = continued !== undefined && continued.passed[0] === begin ? continued.passed[1] : begin;
    for (let passed = 0; ; passed++) {
      const list = await source.list(child, position);
      const directory = this.#note(inode, child, position, list, source.client);
      const entries =
        continued === undefined ? list.entries : list.entries.filter(({ name }) => !isTold(continued, name));
      if (entries.length > 0 || list.eof || list.entries.length === 0) {
        if (continued !== undefined) {
          continued.passed = NOTHING;
          this.#remembered.changed(directory, source.client); // to find names takes an index of them
        }
        return { list: this.#folded(directory, { ...list, entries }, child, continued), child };
      }
      position = list.entries.at(-1)!.cookie;
      if (passed < PASSED_MAX) continue;
      continued!.passed = [begin, position];
      return undefined;
    }
  }

  #note(inode: Inode, child: number, from: bigint, { entries }: DirList, client: string): Directory {
    const directory = this.#remembered.of(this.#directories, inode);
    if (this.#children.length > 1) {
      directory.toldBy(child).note(from, entries, this.#remembered.hasRoom(directory));
      this.#remembered.changed(directory, client);
    }
    return directory;
  }

  #folded(directory: Directory, list: DirList, child: number, continued: Continued | undefined): DirList {
    if (this.#numbers === 1) return list;
    const number = (continued?.id ?? 0) * this.#children.length + child;
    const { entries } = list;
    const last = entries.at(-1);
    const end = last?.cookie;
    for (const entry of entries) entry.cookie = foldCookie(entry.cookie, number, this.#numbers, this.#kept);
    if (last !== undefined) directory.recent.remember(last.cookie, end!);
    return list;
  }

  #nameOf(child: number): string {
    return this.#children[child]?.name ?? String(child);
  }
}
