/** What goes into the state machine of a transaction, and what comes out of it. */
import type { Errno } from '../../../../errno.ts';
import type { Children, Quorum } from '../children.ts';

/** What is locked, and what a failure is blamed on: the data of a file, the attributes of an object, the names in a directory. */
export type Kind = 'data' | 'metadata' | 'entry';

export interface Setting {
  readonly kind: Kind;
  /** How many children there are, including those that are down. */
  readonly count: number;
  readonly isQuorum: Quorum;
  /** The children that have no data, and no caller reads them. */
  readonly arbiters: Children;
  /** How many locks are taken on each child, in their order. */
  readonly locks: number;
  /** It ends with its first fop. Otherwise it goes on until it is told to close. */
  readonly single: boolean;
  /** Each fop makes an object, which must be marked on its own for the children that do not get it. */
  readonly creates: boolean;
  /** What a child has done can be undone while the locks are held, since it made a name that was not there before. */
  readonly undoes: boolean;
  /** Writes that are not durable are made so before the mark that they were under is taken away. */
  readonly durable: boolean;
}

/** How durable a change is when a fop is answered; `sync` makes durable what was done before it. */
export type Effect = 'durable' | 'unsynced' | 'sync';

/**
 * A call to several children at once, each of which answers for itself. `id` is the number of a lock or of a fop.
 *
 * - `lock` takes a lock without waiting, `wait` waits for it, `unlock` gives it up.
 * - `pre-op` marks the object dirty.
 * - `fop` is the fop itself.
 * - `doubt` asks after the fop which children were blamed before, if there was no pre-op and the children do not agree: it
 *   depends on that which may be blamed now. It makes no dirty mark, since where one is left, GlusterFS's daemon merges
 *   directories, and names come back on all children that one of them has because it missed their removal.
 * - `undo` takes the fop back where it was done, or may have been done, since too few children have done it.
 * - `new-entry` records in a new object that the children in `whom` do not have it.
 * - `blame` records in the changed object that the children in `whom` have missed a change.
 * - `sync` makes the writes durable.
 * - `post-op` takes the dirty mark away (`dirty` −1), or sets it where there was no pre-op (1), and blames.
 * - `retract` takes the blame of `whom` back and marks the object dirty instead. It is needed when another client has blamed
 *   all the other children, since every child would be blamed otherwise and none could be read.
 */
export type Step =
  | 'lock'
  | 'wait'
  | 'unlock'
  | 'pre-op'
  | 'fop'
  | 'doubt'
  | 'undo'
  | 'new-entry'
  | 'blame'
  | 'sync'
  | 'post-op'
  | 'retract';

export interface Call {
  readonly do: Step;
  readonly on: Children;
  readonly id: number;
  readonly whom: Children;
  readonly dirty: -1 | 0 | 1;
}

/** A fop is over: it was done, or it failed with `code`. The answers of the children in `from` say what the caller gets. */
export interface Reply {
  readonly do: 'reply';
  readonly id: number;
  readonly code: Errno | undefined;
  readonly from: Children;
}

export const replyTo = ({ id, code, from }: Omit<Reply, 'do'>): Reply => ({ do: 'reply', id, code, from });

export type Action =
  | Call
  | Reply
  /** Writes that were answered, but never made durable, are on fewer children than a quorum. */
  | { readonly do: 'data-at-risk' }
  /** The children accuse each other, so that none of them can be trusted. */
  | { readonly do: 'split-brain' }
  /** Everything has been answered and unlocked. */
  | { readonly do: 'over' };

export type Event =
  /** These children are up. */
  | { readonly is: 'start'; readonly up: Children }
  | { readonly is: 'request'; readonly id: number; readonly effect: Effect }
  /** A child's answer to a {@link Call}. `accuses`, of marks: the children that it has counted failures of. */
  | {
      readonly is: 'answer';
      readonly to: Step;
      readonly id: number;
      readonly child: number;
      readonly error?: Errno | undefined;
      readonly accuses?: Children;
    }
  /** The connection to a child is gone, and the locks with it. */
  | { readonly is: 'down'; readonly child: number }
  /** No further fop is to be done in this transaction. */
  | { readonly is: 'close' };
