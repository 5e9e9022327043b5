/**
 * Finds the volume and the exports that a file handle is for. The handle names its volume by a number (the key), which
 * is made by hashing, so that it is the same after a restart.
 */
import { createHash } from 'node:crypto';
import { VolfileError } from '../../../volfile/volfile-error.ts';
import type { Subvolume } from '../../../master/subvolume.ts';
import type { Volume } from '../../../master/volume.ts';
import { bytesOfText } from '../../../wire-text.ts';
import type { Export } from './exports/exports.ts';

/** A volume as handles name it. */
interface HandleTarget {
  readonly key: number;
  readonly subvolume: Subvolume;
  readonly volume: Volume;
  readonly exports: ReadonlyMap<number, Export<Subvolume>>;
}

export class HandleTargets {
  readonly #ids: ReadonlyMap<string, string>;
  readonly #bySubvolume = new Map<Subvolume, HandleTarget>();
  readonly #byKey = new Map<number, HandleTarget>();

  /**
   * @param ids the UUIDs that the volfile gives to volumes, by their names. Without one the name identifies the volume.
   * @throws {VolfileError} two volumes cannot be told apart
   */
  constructor(
    subvolumes: Iterable<Subvolume>,
    exports: readonly Export<Subvolume>[],
    ids: ReadonlyMap<string, string>,
  ) {
    this.#ids = ids;
    for (const subvolume of subvolumes) {
      const id = ids.get(subvolume.name);
      const key = this.#keyOf(subvolume.volume);
      const sameId = ({ name }: Subvolume) => id !== undefined && ids.get(name) === id;
      const twin = this.#byKey.get(key)?.subvolume ?? [...this.#bySubvolume.keys()].find(sameId);
      if (twin !== undefined) {
        const expected = `an option nfs3.${subvolume.name}.volume-id of its own`;
        throw VolfileError.expected(subvolume.top.where, expected, `the one of ${twin.name}`);
      }
      const own = exports.filter(({ volume }) => volume === subvolume).map(one => [one.id, one] as const);
      this.#set({ key, subvolume, volume: subvolume.volume, exports: new Map(own) });
    }
  }

  /**
   * Returns the exports, by their ids, of the volume with this key; `undefined` if no such volume is known to be
   * served.
   */
  find(key: number): ReadonlyMap<number, Export<Subvolume>> | undefined {
    const target = this.#byKey.get(key);
    if (target !== undefined && target.volume === target.subvolume.volume) return target.exports;
    for (const subvolume of this.#bySubvolume.keys()) this.#refreshed(subvolume);
    return this.#byKey.get(key)?.exports;
  }

  /** Returns the key of the tree that the subvolume serves now. */
  keyOf(subvolume: Subvolume): number {
    return this.#refreshed(subvolume).key;
  }

  /** Returns the target for the tree that is served now. Handles of a tree that was served before are stale. */
  #refreshed(subvolume: Subvolume): HandleTarget {
    const before = this.#bySubvolume.get(subvolume)!;
    const { volume } = subvolume;
    if (before.volume === volume) return before;
    const key = this.#keyOf(volume);
    if (this.#byKey.has(key)) throw new Error(`volume ${volume.name} has the key of another volume`);
    this.#byKey.delete(before.key);
    return this.#set({ ...before, key, volume });
  }

  #set(target: HandleTarget): HandleTarget {
    this.#bySubvolume.set(target.subvolume, target);
    this.#byKey.set(target.key, target);
    return target;
  }

  #keyOf({ name, tree }: Volume): number {
    const hash = createHash('sha256').update(bytesOfText(`bricknfs volume ${this.#ids.get(name) ?? name}\0`));
    return hash
      .update(tree ?? '')
      .digest()
      .readUInt32BE();
  }
}
