import { errnoOf } from '../errno.ts';
import type { GraphEvent } from '../graph/event.ts';
import { forgetOf, subtree } from '../graph/subtree.ts';
import type { Layer, Xlator } from '../graph/xlator.ts';
import { InodeTable } from '../inode/table.ts';
import type { Log } from '../log.ts';
import type { Host } from './host.ts';
import { type ChangeListener, Listeners } from './listeners.ts';
import { ReaddirAhead } from './readdir-ahead/readdir-ahead.ts';
import { TellingTop } from './telling-top.ts';
import type { Volume } from './volume.ts';
import type { WriteVerifier } from './write-verifiers.ts';

export interface SubvolumeOptions {
  readonly host: Host;
  readonly log: Log;
  /** How many unused inodes its inode table remembers. */
  readonly inodes: number;
  /** How many stages serve it. */
  readonly stages: number;
}

const known = new WeakMap<Xlator, Promise<Subvolume>>();

/**
 * A child of a graph's masters: the volume that it is now, and whether it can be asked. All masters of a graph that
 * have the child share one subvolume, and with it the inodes and the write verifier.
 */
export class Subvolume {
  readonly name: string;
  readonly top: Xlator;
  /** Those who are told of what is changed in it. */
  readonly listeners = new Listeners();
  /** Whether it has several masters, which are told of each other's changes. */
  readonly #isShared: boolean;
  readonly #log: Log;
  readonly #inodes: number;
  readonly #stages: number;
  readonly #verifier: WriteVerifier;
  readonly #firstUp = Promise.withResolvers<void>();
  #ahead: ReaddirAhead | undefined;
  #volume: Volume;
  #up = false;
  /** How often the child has gone down. */
  #downs = 0;
  /** How many questions are under way about the tree of a child that came up. */
  #asking = 0;
  #last: GraphEvent | undefined;

  private constructor(top: Xlator, tree: Buffer | undefined, { host, log, inodes, stages }: SubvolumeOptions) {
    this.name = top.name;
    this.top = top;
    this.#isShared = top.parents.length > 1;
    this.#log = log;
    this.#inodes = inodes;
    this.#stages = stages;
    this.#verifier = host.verifiers.of(top.name);
    this.#volume = this.#volumeOf(tree);
  }

  /** The subvolume of a child. The first master that asks decides on its options. */
  static of(child: Xlator, options: SubvolumeOptions): Promise<Subvolume> {
    let subvolume = known.get(child);
    if (subvolume === undefined) {
      subvolume = treeOf(child).then(tree => new Subvolume(child, tree, options));
      known.set(child, subvolume);
    }
    return subvolume;
  }

  /** The volume for the tree that was last found. */
  get volume(): Volume {
    return this.#volume;
  }

  /** Whether the bricks can be asked. */
  get up(): boolean {
    return this.#up;
  }

  /** The layer that refuses every change, if there is one. */
  get readOnlyBy(): Layer | undefined {
    return this.top.readOnlyBy;
  }

  /** Whether its tree is not known because a brick below does not answer, or has just come up and is being asked. */
  get isUnknown(): boolean {
    return this.#volume.tree === undefined && (this.#asking > 0 || this.#hangs);
  }

  /** Where a master's fops go, which has a listener of its own. */
  topFor(by: ChangeListener): Xlator {
    return this.#isShared ? this.#telling(by, this.#volume.table) : this.top;
  }

  /** Resolves when it has come up, or at once if a brick below is known to hang. */
  ready(): Promise<void> {
    return this.#hangs ? Promise.resolve() : this.#firstUp.promise;
  }

  /**
   * Returns the volume for the tree that the bricks serve now. Another tree than before is a new volume with an inode
   * table of its own. @throws {FsError} as `Xlator.volumeId`
   */
  async identify(): Promise<Volume> {
    const tree = await this.top.volumeId();
    if (this.#volume.tree?.equals(tree) !== true) this.#volume = this.#volumeOf(tree);
    return this.#volume;
  }

  /** Takes an event of the child. Each master passes on the same event, which counts once. */
  notify(event: GraphEvent): void {
    if (event === this.#last) return;
    this.#last = event;
    if (event.kind === 'upcall') {
      if (event.about === 'changed') this.listeners.tell(undefined, one => one.objectChanged(event.gfid, true));
      else this.#volume.ahead.changed(event.gfid);
      return;
    }
    this.listeners.tell(undefined, one => one.everythingChanged());
    if (event.kind === 'child-up') {
      if (this.#volume.tree !== undefined) this.#isUp();
      else this.#up = false;
      void this.#cameUp();
    } else if (event.kind === 'child-down') {
      this.#up = false;
      this.#downs++;
      this.#log.warn({ volume: this.name }, 'volume is down; its calls are answered "try again later"');
      this.#verifier.change(); // what the brick had not synced may be gone when it comes back
    } else if (event.kind === 'unstable-lost') {
      this.#log.warn({ volume: this.name }, 'unstable writes may be lost; clients will send them again');
      this.#verifier.change();
    }
  }

  get #hangs(): boolean {
    return subtree(this.top).some(({ watch }) => watch !== undefined && (watch.hangs || !watch.ready));
  }

  async #cameUp(): Promise<void> {
    const downs = this.#downs;
    this.#asking++;
    try {
      await this.identify();
      if (this.#downs === downs) this.#isUp();
    } catch (err) {
      this.#log.warn({ err, volume: this.name }, 'the volume cannot be identified');
    } finally {
      this.#asking--;
    }
  }

  #isUp(): void {
    if (!this.#up) this.#log.debug({ volume: this.name }, 'volume is up');
    this.#up = true;
    this.#firstUp.resolve();
  }

  #volumeOf(tree: Buffer | undefined): Volume {
    const { name, top } = this;
    const table = new InodeTable({ limit: this.#inodes, forget: forgetOf(top) });
    const ahead = new ReaddirAhead(top, table, this.#stages);
    if (this.#ahead !== undefined) this.listeners.remove(this.#ahead);
    this.#ahead = ahead;
    this.listeners.add(ahead);
    const served = this.#isShared ? this.#telling(ahead, table) : top;
    return { name, top: served, tree, table, verifier: this.#verifier, ahead };
  }

  #telling(by: ChangeListener, table: InodeTable): TellingTop {
    const { top: child, listeners } = this;
    return new TellingTop({ child, table, listeners, by }, { log: this.#log, stateDir: '', stage: 0 });
  }
}

/** The id of the tree below, if the brick can tell it now. */
async function treeOf(child: Xlator): Promise<Buffer | undefined> {
  try {
    return await child.volumeId();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined; // the brick sends child-up when it can
  }
}
