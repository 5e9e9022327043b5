import { randomBytes } from 'node:crypto';
import { errnoOf, type FsError } from '../../../../errno.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { type Children, has, listOf } from '../children.ts';
import { errorOf, type Replicas, type Replies } from '../replicas.ts';
import type { Action, Call, Effect, Event, Kind, Reply, Setting } from './steps.ts';
import { Transaction } from './transaction.ts';

/** What a transaction is about: how its steps are done on one child. */
export interface Target {
  lock(child: Xlator, id: number, wait: boolean): Promise<unknown>;
  unlock(child: Xlator, id: number): Promise<unknown>;
  /** Changes counters. Answers with the children of which the child has counted failures. */
  mark(child: Xlator, call: Call): Promise<Children>;
  sync(child: Xlator): Promise<unknown>;
  /** @param isLocked whether the child still has the locks, without which it may be another client's change that is taken back */
  undo(child: Xlator, isLocked: () => boolean): Promise<unknown>;
  /** The error if no child can be trusted with what is to be changed. */
  splitBrain(): FsError;
}

/** What becomes of transactions, beyond their answers. */
export interface Consequences {
  dataAtRisk(): void;
  splitBrain(gfid: Buffer, kind: Kind): FsError;
}

/** A fop under way. */
interface Fop {
  readonly call: (child: Xlator, i: number) => Promise<unknown>;
  readonly errors: unknown[];
  /** Takes the children whose answers are that of the whole. */
  readonly end: (from: Children) => void;
  readonly resolve: (from: Children) => void;
  readonly reject: (error: unknown) => void;
}

const OWNERS = randomBytes(4);
let owners = 0;

/** An owner of locks that no other transaction has, in any of the processes that share the bricks. */
export function newOwner(): Buffer {
  const owner = Buffer.alloc(8);
  OWNERS.copy(owner);
  owner.writeUInt32BE((owners = (owners + 1) >>> 0), 4);
  return owner;
}

/** Runs a transaction: makes the calls that it asks for. */
export class Runner {
  readonly #replicas: Replicas;
  readonly #target: Target;
  readonly #then: Pick<Consequences, 'dataAtRisk'>;
  readonly #transaction: Transaction;
  readonly #held: Children | undefined;
  readonly #fops = new Map<number, Fop>();
  readonly #over = Promise.withResolvers<void>();
  #ids = 0;
  #isStarted = false;
  #splitBrain: FsError | undefined;

  /** @param held the children on which what has to be locked is locked already, if `setting` has no locks */
  constructor(replicas: Replicas, setting: Setting, target: Target, then: Consequences, held?: Children) {
    this.#replicas = replicas;
    this.#held = held;
    this.#target = target;
    this.#then = then;
    this.#transaction = new Transaction(setting);
    replicas.running.add(this);
    void this.over.then(() => replicas.running.delete(this));
  }

  /** Resolves when everything is answered and unlocked. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  get isOpen(): boolean {
    return this.#transaction.isOpen;
  }

  get members(): Children {
    return this.#transaction.members;
  }

  /**
   * Does a fop in this transaction, which begins with the first one at the latest.
   * @param unused is called with the answers of children that are not part of that of the whole
   */
  do<R>(
    effect: Effect,
    call: (child: Xlator, i: number) => Promise<R>,
    unused?: (answer: R, i: number) => void,
  ): Promise<Replies<R>> {
    const { promise, resolve, reject } = Promise.withResolvers<Replies<R>>();
    const id = ++this.#ids;
    const of: R[] = [];
    const keep = async (child: Xlator, i: number) => void (of[i] = await call(child, i));
    const end = (from: Children) => {
      if (unused !== undefined)
        for (const [i, answer] of of.entries()) if (answer !== undefined && !has(from, i)) unused(answer, i);
    };
    this.#fops.set(id, { call: keep, errors: [], end, resolve: from => resolve({ from, of }), reject });
    this.#next({ is: 'request', id, effect });
    if (!this.#isStarted) this.start();
    return promise;
  }

  /** Takes the locks, and makes the marks. The first fop does this otherwise. */
  start(): void {
    this.#isStarted = true;
    this.#next({ is: 'start', up: this.#held ?? this.#replicas.up });
  }

  close(): void {
    this.#next({ is: 'close' });
  }

  down(child: number): void {
    this.#next({ is: 'down', child });
  }

  #next(event: Event): void {
    for (const action of this.#transaction.next(event)) this.#act(action);
  }

  #act(action: Action): void {
    if (action.do === 'reply') this.#reply(action);
    else if (action.do === 'over') this.#over.resolve();
    else if (action.do === 'data-at-risk') this.#then.dataAtRisk();
    else if (action.do === 'split-brain') this.#splitBrain = this.#target.splitBrain();
    else {
      if (action.whom !== 0) this.#replicas.blamed(action.whom);
      for (const child of listOf(action.on)) void this.#call(child, action);
    }
  }

  async #call(child: number, call: Call): Promise<void> {
    const answer = { is: 'answer', to: call.do, id: call.id, child } as const;
    let event: Event;
    try {
      const accuses = await this.#made(child, call);
      // Another client has blamed them, which the index of failures did not show yet.
      if ((accuses & this.#replicas.clean) !== 0) this.#replicas.blamed(accuses);
      event = { ...answer, accuses };
      // What was learnt while the mark was on its way may lack it: the blamed child may have come up meanwhile.
      if (call.whom !== 0) this.#replicas.blamed(call.whom);
    } catch (error) {
      const fop = call.do === 'fop' ? this.#fops.get(call.id) : undefined;
      if (fop !== undefined) fop.errors[child] = error;
      const code = errnoOf(error);
      if (code === undefined)
        this.#replicas.log.error({ err: error }, `${call.do} failed on a child of ${this.#replicas.name}`);
      event = { ...answer, error: code ?? 'EIO' };
    }
    if (call.whom !== 0) this.#replicas.blamed(call.whom); // What was learnt while this was on its way does not hold.
    this.#next(event);
  }

  /** Makes a call. Returns which children the child had counted failures of, if it says so. */
  async #made(i: number, call: Call): Promise<Children> {
    const child = this.#replicas.children[i]!;
    if (call.do === 'fop') {
      await this.#fops.get(call.id)!.call(child, i);
    } else if (call.do === 'lock' || call.do === 'wait') await this.#target.lock(child, call.id, call.do === 'wait');
    else if (call.do === 'unlock') await this.#target.unlock(child, call.id);
    else if (call.do === 'sync') await this.#target.sync(child);
    else if (call.do === 'undo') await this.#target.undo(child, () => has(this.#transaction.locked, i));
    else return this.#target.mark(child, call);
    return 0;
  }

  #reply({ id, code, from }: Reply): void {
    const { errors, end, resolve, reject } = this.#fops.get(id)!;
    this.#fops.delete(id);
    end(code === undefined ? from : 0);
    if (code === undefined) resolve(from);
    else reject(this.#splitBrain ?? errorOf(code, errors));
  }
}
