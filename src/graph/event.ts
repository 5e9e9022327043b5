/** What the xlators of a graph tell each other. `parent-up` passes down, the others pass up. */
export type GraphEvent = LifeEvent | Upcall;

/** An event of the whole subtree below the xlator that sends it. */
export interface LifeEvent {
  readonly kind:
    /** The graph is complete and may connect to what it serves. */
    | 'parent-up'
    /**
     * Calls can be answered. It comes again when a brick has reconnected or serves another tree, see
     * `Xlator.volumeId`.
     */
    | 'child-up'
    /** Calls cannot be answered until the next `child-up`. */
    | 'child-down'
    /**
     * Data written UNSTABLE may be lost (a sync failed, a brick reconnected), so that clients must be made to send
     * them again.
     */
    | 'unstable-lost';
}

/** An event of one object, which a brick reports because of what another of its clients does. */
export interface Upcall {
  readonly kind: 'upcall';
  readonly gfid: Buffer;
  /**
   * `changed`: what is cached of the object no longer holds. `contention`: another client waits for a lock on it that
   * this graph holds.
   */
  readonly about: 'changed' | 'contention';
}
