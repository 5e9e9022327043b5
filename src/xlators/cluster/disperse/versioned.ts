import { gfidKey } from '../../../graph/gfid.ts';

/** How many directories are remembered. */
const MAX = 10_000;

/**
 * Directories that are known to have a version. While no brick is away the version says nothing, so that it need not rise
 * with each change. But an empty brick that takes the place of another one has none, and the self-heal daemon compares
 * only versions: a directory must have one from its first change on, or the new brick would count as good.
 */
export class Versioned {
  readonly #keys = new Set<string>();

  has(gfid: Buffer): boolean {
    return this.#keys.has(gfidKey(gfid));
  }

  add(gfid: Buffer): void {
    this.#keys.add(gfidKey(gfid));
    // Of what is forgotten the version rises once more, at the next change.
    if (this.#keys.size > MAX) for (const first of this.#keys) return void this.#keys.delete(first);
  }
}
