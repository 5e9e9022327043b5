/** What the parts of cluster/distribute share: its children, its settings, and what is known of the volume. */
import { errnoOf, FsError, type Errno } from '../../../errno.ts';
import { FopError, type Xdata } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { ROOT_GFID, gfidText } from '../../../graph/gfid.ts';
import { FileType } from '../../../graph/iatt.ts';
import { Inode } from '../../../graph/inode.ts';
import { ownFrame } from '../../../graph/own-frame.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { Log } from '../../../log.ts';
import { KnownDir, KnownFile } from './known.ts';
import { hashOf } from './layout/hash.ts';
import { Layout, type Part } from './layout/layout.ts';
import { Munging } from './layout/munge.ts';
import { type Spread, spread } from './layout/spread.ts';
import type { Settings } from './options.ts';
import { childWithRoom, type Room, roomOf } from './space.ts';

/** How long what is known of the room is good, in milliseconds. */
const ROOM_LASTS = 30_000;

/** A name of a subvolume that stands for a cache above it in volumes with `performance.parallel-readdir`. */
const READDIR_AHEAD = /-readdir-ahead-(\d{1,4})$/;

const isAway = (code: Errno | undefined): boolean => code === 'ENOTCONN';
/** Whether an error says that the child cannot be asked. */
export const isDown = (error: unknown): boolean => isAway(errnoOf(error));

export class Core {
  readonly name: string;
  readonly children: readonly Xlator[];
  readonly childNames: readonly string[];
  /** Whether each child is up. */
  readonly up: readonly boolean[];
  /** The most bits that cookies of a child have for numbers of its own children. */
  readonly cookieBitsBelow: number;
  readonly slot: number;
  readonly log: Log;
  settings: Settings;
  #munging: Munging;
  /** Where new files go; for `cluster/nufa` and `cluster/switch` not where they belong. */
  readonly preferred: (name: string, hashed: number) => number;
  readonly root = new Inode(ROOT_GFID, FileType.DIR);
  /** Changes when a child comes or goes: layouts that were read before may lack something. */
  generation = 0;
  /** The commit hash of the volume, see `keys.ts`; `undefined` as long as the root was not asked. */
  volumeCommit: number | undefined;
  /** Since when the root of the volume has been seen to have it, of `performance.now()`; see `directories/settled.ts`. */
  settledSince = Infinity;
  /** When it was asked for a lookup, of `performance.now()`. */
  commitAsked = -Infinity;
  readonly #rooms: (Room | undefined)[];
  #roomsAsked = -Infinity;

  constructor(
    { name, children, childNames }: Pick<Xlator, 'name' | 'children' | 'childNames'>,
    parts: Pick<Core, 'up' | 'slot' | 'log' | 'settings' | 'preferred'>,
  ) {
    this.name = name;
    this.children = children;
    this.childNames = childNames;
    this.up = parts.up;
    this.slot = parts.slot;
    this.log = parts.log;
    this.settings = parts.settings;
    this.preferred = parts.preferred;
    this.#munging = mungingOf(parts.settings);
    this.cookieBitsBelow = children.reduce((most, child) => Math.max(most, child.cookieBits), 0);
    this.#rooms = children.map(() => undefined);
  }

  reconfigure(settings: Settings): void {
    this.settings = settings;
    this.#munging = mungingOf(settings);
  }

  get upChildren(): number[] {
    return this.children.flatMap((_, i) => (this.up[i] ? [i] : []));
  }

  get isAnyDown(): boolean {
    return this.up.includes(false);
  }

  /** The first child that is up. */
  firstUp(): number {
    const child = this.up.indexOf(true);
    if (child < 0) throw this.away('no subvolume is up');
    return child;
  }

  away(what: string): FsError {
    return new FsError('ENOTCONN', `ENOTCONN: ${this.name}: ${what}`);
  }

  /** The child, which must be up. */
  at(child: number): Xlator {
    if (!this.up[child]) throw this.away(`${this.children[child]?.name} is down`);
    return this.children[child]!;
  }

  /**
   * The child that a linkto file or an option names; -1 if there is none. It may have been written when the volume had
   * other layers below this one.
   */
  childNamed(name: string | undefined): number {
    if (name === undefined) return -1;
    const written = this.childNames.indexOf(name);
    if (written >= 0) return written;
    const found = this.children.findIndex(child => child.name === name);
    const [, number] = READDIR_AHEAD.exec(name) ?? [];
    return found >= 0 || number === undefined || Number(number) >= this.children.length ? found : Number(number);
  }

  /** The child that a name belongs to; -1 if the layout has a hole there. */
  hashed(layout: Layout, name: string): number {
    return layout.childFor(hashOf(this.#munging.nameFor(name)));
  }

  /** Whether the name lies in what a child says of its range. */
  isInRange(part: Part, name: string): boolean {
    return this.hashed(new Layout([part]), name) === 0;
  }

  /** The layout of a new directory. `takes` tells which children have a copy. */
  spread(gfid: Buffer, takes: (child: number) => boolean, commit: number): Layout {
    const width = this.settings['directory-layout-spread'];
    const isWeighted = this.settings['weighted-rebalance'];
    const text = gfid.equals(ROOT_GFID) ? '/' : gfidText(gfid);
    const how: Spread = { seed: hashOf(this.#munging.nameFor(text)), commit, width, isWeighted };
    const candidates = this.childNames.map((name, i) => ({
      name,
      takes: takes(i) && !this.isDecommissioned(i),
      weight: this.#rooms[i]?.weight ?? 0,
    }));
    return spread(candidates, how);
  }

  /**
   * Whether names of a directory may once have belonged to other children than now, which then may have linkto files that
   * no lookup comes to.
   */
  hasMoved({ commit }: Layout): boolean {
    return commit !== 0 || this.volumeCommit !== 0;
  }

  isDecommissioned(child: number): boolean {
    return this.settings['decommissioned-bricks'].some(name => this.childNamed(name) === child);
  }

  /** The child that gets the data of a new file whose name belongs to `hashed`. */
  placeFor(frame: Frame, name: string, hashed: number): number {
    if (performance.now() - this.#roomsAsked > ROOM_LASTS) this.askRooms(frame);
    const wanted = this.preferred(name, hashed);
    const isUsable = (child: number) => this.up[child]! && !this.isDecommissioned(child);
    return childWithRoom(isUsable(wanted) ? wanted : hashed, this.#rooms, isUsable, this.settings);
  }

  /** Asks how much room the children have, for later calls. */
  askRooms(frame: Frame): void {
    this.#roomsAsked = performance.now();
    for (const i of this.upChildren) {
      this.children[i]!.statfs(ownFrame(frame), this.root).then(
        statfs => {
          this.#rooms[i] = roomOf(statfs);
        },
        () => {}, // It is asked again.
      );
    }
  }

  /** What is known of a file. A listing notes no more than the number of the child. */
  knownFile(inode: Inode): KnownFile | undefined {
    const known = inode.slots[this.slot];
    if (typeof known === 'number') return (inode.slots[this.slot] = new KnownFile(known));
    return known instanceof KnownFile ? known : undefined;
  }

  /** An error of a child that carries attributes of directories, with these as those of the whole directories. */
  corrected(error: unknown, parent: KnownDir | undefined, to?: KnownDir): unknown {
    if (!(error instanceof FopError) || parent === undefined) return error;
    const { code, message, wcc, toWcc, xdata } = error;
    return new FopError(code, message, parent.wcc(wcc), toWcc && (to ?? parent).wcc(toWcc), xdata);
  }
}

const mungingOf = (settings: Settings) => new Munging(settings['rsync-hash-regex'], settings['extra-hash-regex']);

/** The xdata of an answer, if the caller has asked for any. */
export const answered = (asked: Xdata | undefined, xdata: Xdata | undefined): { xdata?: Xdata } =>
  asked === undefined || xdata === undefined ? {} : { xdata };
