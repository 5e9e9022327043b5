/** The objects that the kernel has nodes of. */
import { ROOT_ID } from '#protocols/fuse/constants.ts';
import type { Iatt } from '../../../graph/iatt.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { InodeTable } from '../../../inode/table.ts';

interface Node {
  readonly id: number;
  readonly inode: Inode;
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
  #last = ROOT_ID;

  constructor(table: InodeTable, slot: number, keepsNames = false) {
    this.#table = table;
    this.#slot = slot;
    this.#keepsNames = keepsNames;
  }

  /** The number of nodes besides the root's. */
  get count(): number {
    return this.#byId.size;
  }

  /** The inode of a node; `undefined` if the kernel has no such node. */
  inodeOf(id: number): Inode | undefined {
    return id === ROOT_ID ? this.#table.root : this.#byId.get(id)?.inode;
  }

  /** The node of an inode; `undefined` if the kernel has none. */
  idOf(inode: Inode): number | undefined {
    return inode === this.#table.root ? ROOT_ID : (inode.slots[this.#slot] as Node | undefined)?.id;
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
    let node = inode.slots[this.#slot] as Node | undefined;
    if (node === undefined) {
      node = { id: ++this.#last, inode: this.#table.ref(inode), lookups: 0, place: undefined };
      inode.slots[this.#slot] = node;
      this.#byId.set(node.id, node);
    }
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

  #drop({ inode }: Node): void {
    inode.slots[this.#slot] = undefined;
    this.#table.unref(inode);
    this.#table.forget(inode);
  }
}
