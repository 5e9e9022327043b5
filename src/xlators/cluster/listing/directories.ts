/** What is remembered of listings, for how many directories, and how much of it for each client. */
import { RecentCookies } from '../../../graph/fops/cookies.ts';
import { gfidKey } from '../../../graph/gfid.ts';
import type { Inode } from '../../../graph/inode.ts';
import { type Neighbours, Linked } from '../../../linked.ts';
import type { Continued } from './continued.ts';
import { ToldNames } from './told-names.ts';

/** What is remembered of the listings of one directory. */
export class Directory implements Neighbours<Directory> {
  newer: Directory | undefined;
  older: Directory | undefined;
  readonly key: string;
  readonly owner: Map<string, Directory>;
  /** Where pages ended: from a large position the cookie lacks some bits. */
  readonly recent = new RecentCookies();
  /** What each child has told. */
  readonly told: (ToldNames | undefined)[] = [];
  /** Listings that have gone on from another child, by their numbers in cookies. */
  readonly continued = new Map<number, Continued>();
  /** The client that has had it grow last, and what it takes, in names of 16 bytes. */
  client = '';
  cost = 0;

  constructor(key: string, owner: Map<string, Directory>) {
    this.key = key;
    this.owner = owner;
  }

  toldBy(child: number): ToldNames {
    return (this.told[child] ??= new ToldNames());
  }
}

/** What a directory takes beside the names, in names of 16 bytes. */
const DIRECTORY_COST = 64;
/** 48 MiB: three million names, and more of directories whose listing has gone on from another child. */
const COST_MAX = 3 * 2 ** 20;

/**
 * All that a thread remembers of listings. When it is too much, the directories are forgotten that were listed least
 * recently: first those of a client that has more than a half of all.
 */
export class Remembered {
  readonly #max: number;
  readonly #all = new Linked<Directory>();
  readonly #clients = new Map<string, number>();
  #cost = 0;

  constructor(max = COST_MAX) {
    this.#max = max;
  }

  get cost(): number {
    return this.#cost;
  }

  /** The directory, as what is listed now. `owner` has those of one layer. */
  of(owner: Map<string, Directory>, { gfid }: Inode): Directory {
    const key = gfidKey(gfid);
    const known = owner.get(key);
    if (known !== undefined) {
      if (known !== this.#all.newest) {
        this.#all.remove(known);
        this.#all.add(known);
      }
      return known;
    }
    const made = new Directory(key, owner);
    owner.set(key, made);
    this.#all.add(made);
    return made;
  }

  /** Whether a directory may take more. */
  hasRoom({ cost }: Directory): boolean {
    return cost < this.#max / 2;
  }

  /** Notes that a directory takes more, or less, for a client. */
  changed(directory: Directory, client: string): void {
    this.#charge(directory.client, -directory.cost);
    directory.client = client;
    directory.cost = directory.told.reduce((sum, told) => sum + (told?.cost ?? 0), DIRECTORY_COST);
    this.#charge(client, directory.cost);
    for (let old = this.#all.oldest; this.#isTooMuch(client) && old !== undefined;) {
      const { newer } = old;
      if (old !== directory && (this.#cost > this.#max || old.client === client)) this.#forget(old);
      old = newer;
    }
  }

  /** Forgets what a layer has. */
  drop(owner: Map<string, Directory>): void {
    for (const directory of owner.values()) this.#forget(directory);
  }

  #isTooMuch(client: string): boolean {
    return this.#cost > this.#max || (this.#clients.get(client) ?? 0) > this.#max / 2;
  }

  #forget(directory: Directory): void {
    this.#all.remove(directory);
    directory.owner.delete(directory.key);
    this.#charge(directory.client, -directory.cost);
  }

  #charge(client: string, cost: number): void {
    this.#cost += cost;
    const sum = (this.#clients.get(client) ?? 0) + cost;
    if (sum > 0) this.#clients.set(client, sum);
    else this.#clients.delete(client);
  }
}

/** One for the whole thread, however many layers list. */
export const remembered = new Remembered();
