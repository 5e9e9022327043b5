import { type Children, type Quorum } from '../children.ts';

/** How the children stand in a transaction. */
export class Standing {
  /** The children that take part: locked, marked, and with everything done that the others have done. */
  members: Children = 0;
  /** The children that have a dirty mark of ours. */
  dirty: Children = 0;
  /** The children that others had counted failures of before this transaction. */
  accused: Children = 0;
  /** The children that lack something, and those of them for which that has been recorded. */
  lost: Children = 0;
  blamed: Children = 0;
  readonly #isQuorum: Quorum;
  readonly #arbiters: Children;

  /** @param arbiters those that are never read */
  constructor(isQuorum: Quorum, arbiters: Children) {
    this.#isQuorum = isQuorum;
    this.#arbiters = arbiters;
  }

  /** The children that could not be the source of a heal, or of what is read until then. */
  get noSource(): Children {
    return this.accused | this.#arbiters;
  }

  /** The children that are still to be blamed. */
  get toBlame(): Children {
    return this.lost & ~this.blamed;
  }

  /** Whether dirty marks are left that can be taken away. */
  get isDirty(): boolean {
    return (this.dirty & this.members) !== 0;
  }

  /**
   * Whether the members are a quorum, with a source among them: if those that lacked something before blamed the one that
   * did not, each child would be blamed by another, and none could be healed.
   */
  get hasQuorum(): boolean {
    return this.isEnough(this.members);
  }

  isEnough(children: Children): boolean {
    return this.#isQuorum(children) && (children & ~this.noSource) !== 0;
  }

  /** These children lack something that the others have, or may do so. */
  lose(children: Children): void {
    this.lost |= children;
    this.members &= ~children;
  }
}
