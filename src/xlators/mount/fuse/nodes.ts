/** The objects that the kernel has nodes of. */
import { ROOT_ID } from '#protocols/fuse/constants.ts';
import { FsError } from '../../../errno.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Xlator } from '../../../graph/xlator.ts';
import type { InodeTable } from '../../../inode/table.ts';

/** By what an object is found again in another graph. */
type Identity = Pick<Inode, 'gfid' | 'type' | 'hint'>;

interface Node {
  readonly id: number;
  readonly identity: Identity;
  /** `undefined`: the node is from the graph before this one, and was not asked for in this one yet. */
  inode: Inode | undefined;
  /** How often a reply has told the kernel of it, less what the kernel has forgotten. */
  lookups: number;
  /** The last name by which the kernel has found it; only if names are kept. */
  place: Place | undefined;
}

/** A name in a directory. */
interface Place {
  readonly parent: number;
  readonly name: string;
}

/**
 * The kernel knows an object by a number from the reply that first names it until it has forgotten it as often as
 * replies named it. Numbers are not used again. The inode is in use meanwhile.
 */
export class Nodes {
  readonly #table: InodeTable;
  /** The index in `Inode.slots` at which an inode has its node. */
  readonly #slot: number;
  /** Whether the last name of each node is kept. */
  readonly #keepsNames: boolean;
  readonly #byId = new Map<number, Node>();
  /** The nodes without an inode, by their gfids in latin1. */
  readonly #unfound = new Map<string, Node>();
  #last = ROOT_ID;

  /** With `before`, the nodes of another graph, of which the kernel goes on to use the numbers. */
  constructor(table: InodeTable, slot: number, keepsNames = false, before?: Nodes) {
    this.#table = table;
    this.#slot = slot;
    this.#keepsNames = keepsNames;
    if (before === undefined) return;
    this.#last = before.#last;
    for (const { id, identity, lookups, place } of before.#byId.values()) {
      const node = { id, identity, inode: undefined, lookups, place };
      this.#byId.set(id, node);
      this.#unfound.set(identity.gfid.toString('latin1'), node);
    }
  }

  /** The number of nodes besides the root's. */
  get count(): number {
    return this.#byId.size;
  }

  /** The inode of a node; `undefined` if the kernel has no such node, or if {@link find} has not found it yet. */
  inodeOf(id: number): Inode | undefined {
    return id === ROOT_ID ? this.#table.root : this.#byId.get(id)?.inode;
  }

  /** Whether a node must be found before its inode can be used. */
  isUnfound(id: number): boolean {
    return this.#unfound.size > 0 && id !== ROOT_ID && this.#byId.has(id) && this.inodeOf(id) === undefined;
  }

  /** Asks `top` for the object of a node that is from the graph before this one. @throws {FsError} ESTALE, among others */
  async find(id: number, top: Xlator, frame: Frame): Promise<void> {
    const node = this.#byId.get(id);
    if (node === undefined || node.inode !== undefined) return;
    const { gfid, type, hint } = node.identity;
    const { iatt } = await top.discover(frame, gfid, hint);
    if (iatt.type !== type) throw new FsError('ESTALE', 'the object was replaced');
    if (this.#byId.get(id) === node) this.#nodeOf(this.#table.link(iatt));
  }

  /** The node of an inode; `undefined` if the kernel has none. */
  idOf(inode: Inode): number | undefined {
    return inode === this.#table.root ? ROOT_ID : this.#known(inode)?.id;
  }

  /** All nodes. */
  ids(): readonly number[] {
    return [ROOT_ID, ...this.#byId.keys()];
  }

  /** The last name by which the kernel has found the node, if names are kept. */
  placeOf(id: number): Place | undefined {
    return this.#byId.get(id)?.place;
  }

  /**
   * Counts a reply that names the object as `name` in `parent`, and returns the number of its node. {@link forget} takes
   * it back.
   */
  learn(iatt: Iatt, parent: number, name: string): number {
    const inode = this.#table.link(iatt);
    if (inode === this.#table.root) return ROOT_ID;
    const node = this.#nodeOf(inode);
    node.lookups++;
    if (this.#keepsNames) node.place = { parent, name };
    return node.id;
  }

  /** The kernel forgets the node `lookups` times. */
  forget(id: number, lookups: number): void {
    const node = this.#byId.get(id);
    if (node === undefined) return;
    node.lookups -= lookups;
    if (node.lookups > 0) return;
    this.#byId.delete(id);
    this.#drop(node);
  }

  /** Forgets all nodes, when the mount is gone. */
  clear(): void {
    for (const node of this.#byId.values()) this.#drop(node);
    this.#byId.clear();
  }

  #known(inode: Inode): Node | undefined {
    const node = inode.slots[this.#slot] as Node | undefined;
    return node ?? (this.#unfound.size === 0 ? undefined : this.#unfound.get(inode.gfid.toString('latin1')));
  }

  /** The node of an inode, which is made if there is none, and has the inode from now on. */
  #nodeOf(inode: Inode): Node {
    let node = this.#known(inode);
    if (node?.inode !== undefined) return node;
    if (node === undefined) {
      const { gfid, type, hint } = inode;
      node = { id: ++this.#last, identity: { gfid, type, hint }, inode, lookups: 0, place: undefined };
      this.#byId.set(node.id, node);
    } else {
      this.#unfound.delete(inode.gfid.toString('latin1'));
    }
    node.inode = this.#table.ref(inode);
    inode.slots[this.#slot] = node;
    return node;
  }

  #drop({ inode, identity }: Node): void {
    if (inode === undefined) {
      this.#unfound.delete(identity.gfid.toString('latin1'));
      return;
    }
    inode.slots[this.#slot] = undefined;
    this.#table.unref(inode);
    this.#table.forget(inode);
  }
}
