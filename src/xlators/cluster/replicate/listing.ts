import { FsError } from '../../../errno.ts';
import type { DirList, Dirent } from '../../../graph/fops.ts';
import { foldCookie, RecentCookies, unfoldCookie } from '../../../graph/fops/cookies.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import { has } from './children.ts';
import type { Known } from './known.ts';
import type { Lookups } from './lookups.ts';
import type { Reads } from './reads.ts';
import type { Replicas } from './replicas.ts';

/** For how many directories the ends of pages are remembered. */
const DIRECTORIES_MAX = 256;

type List = (child: Xlator, i: number, cookie: bigint) => Promise<DirList>;

/**
 * Lists directories from one child. The cookies of other children mean other positions, so each cookie has the number
 * of its child, and the listing goes on there.
 */
export class Listing {
  readonly #replicas: Replicas;
  readonly #lookups: Lookups;
  readonly #reads: Reads;
  /** Where pages ended, by the gfid of the directory: from a large position the cookie lacks some bits. */
  readonly #recent = new Map<string, RecentCookies>();

  constructor(replicas: Replicas, lookups: Lookups, reads: Reads) {
    this.#replicas = replicas;
    this.#lookups = lookups;
    this.#reads = reads;
  }

  async readdir(frame: Frame, inode: Inode, cookie: bigint, list: List): Promise<DirList> {
    return (await this.#list(frame, inode, cookie, list)).list;
  }

  /**
   * Lists with the attributes of all entries, as far as the child is known to be blamed for none of them. Otherwise they
   * are left out, and the caller looks up each entry. To ask the other children about each entry would cost as much.
   */
  async readdirp(frame: Frame, inode: Inode, cookie: bigint, list: List): Promise<DirList> {
    const replicas = this.#replicas;
    if (cookie === 0n && replicas.clean === 0) await this.#lookups.refresh(frame, inode);
    const { clean, generation } = replicas;
    const { list: found, at } = await this.#list(frame, inode, cookie, list);
    const isKnown = has(clean, at) && has(replicas.clean, at);
    const known: Known = { generation, data: clean, metadata: clean };
    const told = (entry: Dirent): Dirent => {
      const { iatt, ...rest } = entry;
      if (iatt === undefined) return entry;
      if (!isKnown) return rest;
      return { ...entry, iatt: { ...iatt, notes: { slot: replicas.slot, value: known, next: iatt.notes } } };
    };
    return { ...found, entries: found.entries.map(told) };
  }

  async #list(frame: Frame, inode: Inode, cookie: bigint, list: List): Promise<{ list: DirList; at: number }> {
    const { children } = this.#replicas;
    const call = async (at: number, position: bigint) => {
      const found = await list(children[at]!, at, position);
      const entries = found.entries.map(entry => ({ ...entry, cookie: foldCookie(entry.cookie, at, children.length) }));
      const last = found.entries.at(-1);
      if (last !== undefined) this.#recentOf(inode).remember(entries.at(-1)!.cookie, last.cookie);
      return { list: { ...found, entries }, at };
    };
    if (cookie === 0n) return this.#reads.read(frame, inode, 'data', (_, at) => call(at, 0n));
    const from = unfoldCookie(cookie, children.length);
    if (from === undefined) throw new FsError('EINVAL');
    await this.#reads.check(frame, inode, from.child);
    return call(from.child, this.#recentOf(inode).positionOf(cookie) ?? from.position);
  }

  #recentOf({ gfid }: Inode): RecentCookies {
    const key = gfid.toString('latin1');
    const recent = this.#recent.get(key) ?? new RecentCookies();
    this.#recent.delete(key);
    this.#recent.set(key, recent);
    if (this.#recent.size > DIRECTORIES_MAX) this.#recent.delete(this.#recent.keys().next().value!);
    return recent;
  }
}
