/**
 * Which bricks are known to miss nothing. A listing comes from one brick, and must not come from one that was away while
 * others were changed, before the self-heal daemon has made it good. A brick counts as healthy when no brick has an entry
 * in its index of what is to be healed, and for as long as its connection holds.
 */
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { ownFrame } from '../../../../graph/own-frame.ts';
import { type Bricks, brick } from '../bricks.ts';
import { succeeded, type Volume } from '../volume.ts';

/** Asks a brick how many entries the index has. */
const INDEX_COUNT = new Map([['link-count', 'glusterfs.xattrop_index_count']]);
/** Milliseconds before bricks are asked again. */
const AGAIN = 2000;

export class Healthy {
  readonly #volume: Volume;
  #healthy: Bricks = 0;
  #asked = -Infinity;
  #asking: Promise<void> | undefined;
  /** Rises when a brick comes up or goes down: what was asked before no longer holds. */
  #changes = 0;

  constructor(volume: Volume) {
    this.#volume = volume;
  }

  /** A brick has come up or gone down. */
  changed(index: number): void {
    this.#healthy &= ~brick(index);
    this.#changes++;
    this.#asked = -Infinity;
  }

  async bricks(frame: Frame): Promise<Bricks> {
    const { up } = this.#volume;
    if ((this.#healthy & up) === up) return up;
    if (this.#asking === undefined && performance.now() - this.#asked >= AGAIN) {
      this.#asking = this.#ask(frame).finally(() => (this.#asking = undefined));
    }
    await this.#asking;
    return this.#healthy & this.#volume.up;
  }

  async #ask(frame: Frame): Promise<void> {
    const changes = this.#changes;
    const { up } = this.#volume;
    const answers = await this.#volume.ask(up, child =>
      child.discover(ownFrame(frame), ROOT_GFID, undefined, INDEX_COUNT),
    );
    this.#asked = performance.now();
    const isClean = answers.every(({ value }) => Number(value?.xdata?.get('link-count') ?? 0) === 0);
    if (isClean && changes === this.#changes && succeeded(answers) === up) this.#healthy = up;
  }
}
