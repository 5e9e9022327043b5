/**
 * How the lock of an inode is taken, without any I/O: from all bricks at once or, if another owner is in the way
 * anywhere, from one brick after the other. All clients take them in the same order, and hold none while they wait for
 * the first, so that none waits for another in a circle.
 */
import type { Errno } from '../../../../errno.ts';
import { type Bricks, brick, indexes } from '../bricks.ts';
import type { Action } from './events.ts';

/** What is to be done next. Undefined: all that can be locked is locked. */
type Step = Extract<Action<never>, { do: 'lock' | 'wait' | 'unlock' }> | undefined;

export class Acquisition {
  #locked: Bricks = 0;
  /** Bricks whose connection was lost since locking began, and with it the lock. */
  #lost: Bricks = 0;
  /** Bricks that are still to be waited for. Undefined until it is known that there is something to wait for. */
  #left: number[] | undefined;
  /** Why a brick has refused. */
  #code: Errno | undefined;

  get locked(): Bricks {
    return this.#locked;
  }

  get code(): Errno | undefined {
    return this.#code;
  }

  begin(up: Bricks): Step {
    return { do: 'lock', bricks: up };
  }

  lockedAtOnce(granted: Bricks, busy: Bricks, code: Errno | undefined, up: Bricks): Step {
    this.#locked = granted & ~this.#lost;
    this.#code = code;
    if (busy === 0) return undefined;
    return this.#locked === 0 ? this.backedOff(up) : { do: 'unlock', bricks: this.#locked };
  }

  /** What was locked is unlocked. */
  backedOff(up: Bricks): Step {
    this.#locked = this.#lost = 0;
    this.#left = indexes(up);
    return this.#next();
  }

  granted(index: number, code: Errno | undefined): Step {
    if (code !== undefined) this.#code = code;
    else this.#locked |= brick(index) & ~this.#lost;
    return this.#next();
  }

  /** The connection to a brick was lost. */
  lose(bricks: Bricks): void {
    this.#lost |= bricks;
    this.#locked &= ~bricks;
  }

  #next(): Step {
    const next = this.#left!.shift();
    return next === undefined ? undefined : { do: 'wait', brick: next };
  }
}
