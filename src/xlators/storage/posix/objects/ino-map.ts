/**
 * A bounded map with inode numbers as keys, in two generations: what was not asked for while the younger half filled up
 * is forgotten. This costs less than keeping entries in the order of their use.
 */
export class InoMap<T> {
  readonly #half: number;
  #young = new Map<number | bigint, T>();
  #old = new Map<number | bigint, T>();

  constructor(max: number) {
    this.#half = Math.max(1, max >> 1);
  }

  get(ino: number | bigint): T | undefined {
    const value = this.#young.get(ino);
    if (value !== undefined) return value;
    const old = this.#old.get(ino);
    if (old !== undefined) this.set(ino, old);
    return old;
  }

  set(ino: number | bigint, value: T): void {
    this.#young.set(ino, value);
    if (this.#young.size < this.#half) return;
    this.#old = this.#young;
    this.#young = new Map();
  }

  delete(ino: number | bigint): void {
    this.#young.delete(ino);
    this.#old.delete(ino);
  }
}
