/** Tells the kernel what it has cached and no longer holds. */
import type { Inode } from '../../../graph/inode.ts';
import type { InodeTable } from '../../../inode/table.ts';
import type { ChangeListener } from '../../../master/listeners.ts';
import type { Device } from './device.ts';
import type { Nodes } from './nodes.ts';
import type { FuseOptions } from './options.ts';

interface Name {
  readonly parent: number;
  readonly name: string;
}

/**
 * The messages to the kernel about changes that were not made through the mount. The kernel may take one only when it has
 * the answer to another request, which comes from this thread: so a thread of the pool writes them, one at a time, and
 * whatever is told meanwhile is gathered.
 */
export class Invalidations implements ChangeListener {
  readonly #device: Device;
  readonly #table: InodeTable;
  readonly #nodes: Nodes;
  readonly #options: FuseOptions;
  /** The nodes that have changed, and whether their data have. */
  readonly #objects = new Map<number, boolean>();
  readonly #names = new Map<string, Name>();
  #count = 0;
  #sending = false;

  constructor(device: Device, table: InodeTable, nodes: Nodes, options: FuseOptions) {
    this.#device = device;
    this.#table = table;
    this.#nodes = nodes;
    this.#options = options;
  }

  /** How many changes were told of so far: what was asked for before the last of them may not hold any more. */
  get count(): number {
    return this.#count;
  }

  objectChanged(gfid: Buffer, data: boolean): void {
    this.#count++;
    const inode = this.#table.find(gfid);
    if (inode === undefined) return;
    const id = this.#nodes.idOf(inode);
    if (id === undefined) return;
    this.#object(id, data);
    const place = this.#nodes.placeOf(id);
    if (place !== undefined) this.#name(place.parent, place.name);
  }

  nameChanged(directory: Inode, name: string, isNew: boolean): void {
    this.#count++;
    if (isNew && this.#options['negative-timeout'] === 0) return; // the kernel asks for what was not there
    const parent = this.#nodes.idOf(directory);
    if (parent !== undefined) this.#name(parent, name);
  }

  everythingChanged(): void {
    this.#count++;
    for (const id of this.#nodes.ids()) {
      this.#object(id, true);
      const place = this.#nodes.placeOf(id);
      if (place !== undefined) this.#name(place.parent, place.name);
    }
  }

  /** Forgets what has not been told yet. */
  clear(): void {
    this.#objects.clear();
    this.#names.clear();
  }

  #object(id: number, data: boolean): void {
    this.#objects.set(id, data || this.#objects.get(id) === true);
    this.#start();
  }

  #name(parent: number, name: string): void {
    this.#names.set(`${parent}/${name}`, { parent, name });
    this.#start();
  }

  #start(): void {
    if (this.#sending) return;
    this.#sending = true;
    void this.#send().finally(() => (this.#sending = false));
  }

  async #send(): Promise<void> {
    for (;;) {
      await Promise.resolve(); // changes of one call are told one after the other
      const [name] = this.#names;
      if (name !== undefined) {
        this.#names.delete(name[0]);
        await this.#device.nameChanged(name[1].parent, name[1].name);
        continue;
      }
      const [object] = this.#objects;
      if (object === undefined) return;
      this.#objects.delete(object[0]);
      await this.#device.objectChanged(...object);
    }
  }
}
