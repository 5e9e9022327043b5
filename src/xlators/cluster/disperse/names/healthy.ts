/**
 * Which bricks are known to miss nothing. A listing comes from one brick, and must not come from one that was away while
 * others were changed, before the self-heal daemon has made it good. A brick counts as healthy when no brick has an entry
 * in its index of what is to be healed, when its root has the same version as the others' (that of an empty brick which
 * has taken the place of another one has none), and for as long as its connection holds.
 */
import { ROOT_GFID } from '../../../../graph/gfid.ts';
import type { Found } from '../../../../graph/fops.ts';
import type { Frame } from '../../../../graph/frame.ts';
import { FileType } from '../../../../graph/iatt.ts';
import { Inode } from '../../../../graph/inode.ts';
import { OWN, ownFrame } from '../../../../graph/own-frame.ts';
import { majority } from '../answers/majority.ts';
import { type Bricks, brick, countOf, has } from '../bricks.ts';
import { type Answer, succeeded, type Volume } from '../volume.ts';
import { DIRTY, isDirty, pairBytes, VERSION, versionIn } from '../xattrs.ts';

/** Asks a brick how many entries the index has, and for the marks of its root. */
const QUESTIONS = new Map<string, string | number>([
  ['link-count', 'glusterfs.xattrop_index_count'],
  [VERSION, 0],
  [DIRTY, 0],
]);
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

  /** What is known of a brick does not hold any more. */
  changed(index: number): void {
    this.#healthy &= ~brick(index);
    this.#changes++;
    this.#asked = -Infinity;
  }

  /** A brick has come up: it is looked at before anybody lists something. */
  async cameUp(index: number): Promise<void> {
    this.changed(index);
    await this.#asking;
    if (countOf(this.#volume.up) > this.#volume.k) await this.bricks(OWN);
  }

  /** A brick has missed something. */
  missed(index: number): void {
    if (this.#asking !== undefined || has(this.#healthy, index)) this.changed(index);
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
      child.discover(ownFrame(frame), ROOT_GFID, undefined, QUESTIONS),
    );
    this.#asked = performance.now();
    // A brick that does not say how many it has may have any number.
    const isClean = answers.every(({ value }) => Number(value?.xdata?.get('link-count') ?? 1) === 0);
    const versions = answers.flatMap(({ value }) => (value === undefined ? [] : [versionIn(value.xdata)]));
    const isEqual = new Set(versions).size <= 1;
    if (isClean && isEqual && changes === this.#changes && succeeded(answers) === up) this.#healthy = up;
    if (!isEqual) await this.#markRoot(frame, answers);
  }

  /**
   * Has the self-heal daemon come to the root, if a brick has another version of it than enough others, and they are not marked. The
   * daemon marks whatever it makes on a brick, and so comes to all that an empty brick lacks, without being told to heal
   * everything (`heal full`).
   */
  async #markRoot(frame: Frame, answers: readonly Answer<Found>[]): Promise<void> {
    const volume = this.#volume;
    const group = majority(volume.k, answers, ({ xdata }) => versionIn(xdata));
    if (group === undefined || group.values.some(({ value }) => isDirty(value.xdata))) return;
    const marks = new Map([[DIRTY, pairBytes([1, 1])]]);
    const root = new Inode(ROOT_GFID, FileType.DIR);
    await volume.ask(group.bricks, child => child.xattrop(ownFrame(frame), root, 'add64', marks));
  }
}
