import { randomBytes } from 'node:crypto';
import { errnoOf, type FsError } from '../../../../errno.ts';
import type { Xattrs } from '../../../../graph/fops.ts';
import type { Xlator } from '../../../../graph/xlator.ts';
import { type Children, listOf } from '../children.ts';
import { errorOf, type Replicas, type Replies } from '../replicas.ts';
import type { Action, Call, Effect, Event, Reply, Setting } from './steps.ts';
import { Transaction } from './transaction.ts';

/** What a transaction is about: how its steps are done on one child. */
export interface Target {
  readonly gfid: Buffer;
  lock(child: Xlator, id: number, wait: boolean): Promise<unknown>;
  unlock(child: Xlator, id: number): Promise<unknown>;
  /** Changes counters; answers with the sums. */
  mark(child: Xlator, call: Call): Promise<Xattrs>;
  sync(child: Xlator): Promise<unknown>;
  undo(child: Xlator): Promise<unknown>;
}

/** What becomes of transactions, beyond their answers. */
export interface Consequences {
  dataAtRisk(): void;
  splitBrain(gfid: Buffer): FsError;
}

/** A fop under way. */
interface Fop {
  readonly call: (child: Xlator, i: number) => Promise<unknown>;
  readonly errors: unknown[];
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
  readonly #then: Consequences;
  readonly #transaction: Transaction;
  readonly #kind: Setting['kind'];
  readonly #fops = new Map<number, Fop>();
  readonly #over = Promise.withResolvers<void>();
  #ids = 0;
  #splitBrain: FsError | undefined;

  constructor(replicas: Replicas, setting: Setting, target: Target, then: Consequences) {
    this.#replicas = replicas;
    this.#target = target;
    this.#then = then;
    this.#kind = setting.kind;
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

  /** Does a fop in this transaction. It begins with the first one. */
  do<R>(effect: Effect, call: (child: Xlator, i: number) => Promise<R>): Promise<Replies<R>> {
    const { promise, resolve, reject } = Promise.withResolvers<Replies<R>>();
    const id = ++this.#ids;
    const of: R[] = [];
    const keep = async (child: Xlator, i: number) => void (of[i] = await call(child, i));
    this.#fops.set(id, { call: keep, errors: [], resolve: from => resolve({ from, of }), reject });
    this.#next({ is: 'request', id, effect });
    if (id === 1) this.#next({ is: 'start', up: this.#replicas.up });
    return promise;
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
    else if (action.do === 'split-brain') this.#splitBrain = this.#then.splitBrain(this.#target.gfid);
    else {
      if (action.whom !== 0) this.#replicas.blamed(action.whom);
      for (const child of listOf(action.on)) void this.#call(child, action);
    }
  }

  async #call(child: number, call: Call): Promise<void> {
    const answer = { is: 'answer', to: call.do, id: call.id, child } as const;
    let event: Event;
    try {
      event = { ...answer, accuses: await this.#made(child, call) };
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
    else if (call.do === 'undo') await this.#target.undo(child);
    else return this.#replicas.changelog.accused(await this.#target.mark(child, call))[this.#kind];
    return 0;
  }

  #reply({ id, code, from }: Reply): void {
    const { errors, resolve, reject } = this.#fops.get(id)!;
    this.#fops.delete(id);
    if (code === undefined) resolve(from);
    else reject(this.#splitBrain ?? errorOf(code, errors));
  }
}
