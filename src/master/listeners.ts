import type { Inode } from '../graph/inode.ts';

/** What a master is told of changes in a volume that it has not made itself. It is told before the change is answered. */
export interface ChangeListener {
  /** The attributes of an object may have changed and, with `data`, also what is in it. */
  objectChanged(gfid: Buffer, data: boolean): void;
  /** A name in a directory may lead to another object than before, or to none. `isNew`: it led to none before. */
  nameChanged(directory: Inode, name: string, isNew: boolean): void;
  /** Anything may have changed: the bricks could not be asked, or tell of what others do, for a while. */
  everythingChanged(): void;
}

/** Those who are told of the changes in a volume. */
export class Listeners {
  readonly #all: ChangeListener[] = [];

  add(listener: ChangeListener): void {
    this.#all.push(listener);
  }

  remove(listener: ChangeListener): void {
    const at = this.#all.indexOf(listener);
    if (at >= 0) this.#all.splice(at, 1);
  }

  /** Tells all but the one whose change it is. */
  tell(by: ChangeListener | undefined, told: (listener: ChangeListener) => void): void {
    for (const listener of this.#all) if (listener !== by) told(listener);
  }
}
