/**
 * The life of a change to replicas, as a state machine that makes no calls: {@link Transaction.next} takes an event and
 * returns what is to be done.
 *
 *     lock → pre-op → fop … fop → post-op → unlock
 *
 * Whichever child fails at whichever point:
 *
 * - A fop is answered as done only if a quorum of children has done it, and a quorum has recorded which have not. So any
 *   quorum that is asked later has a member that knows which children can be trusted.
 * - Children are blamed by a quorum only, in which one is not blamed itself. All others would be a split brain.
 * - If no quorum agrees on what has become of a fop, no child is blamed and the dirty marks stay: the self-heal daemon
 *   makes the replicas equal in one way or the other. The caller gets an error.
 * - A child that goes away in the middle keeps its dirty mark, and is blamed for that, although it may have done all: with
 *   a dirty mark and no blame, GlusterFS's daemon takes the child with the most dirty marks for the source, and that
 *   child may have lost what it had not yet written to its disk.
 */
import type { Errno } from '../../../../errno.ts';
import { allOf, type Children, countOf, has, only } from '../children.ts';
import { type Asked, Fan, type Marking, type Request } from './fan.ts';
import { Locking } from './locking.ts';
import { type Action, type Call, type Event, replyTo, type Setting, type Step } from './steps.ts';
import { Standing } from './standing.ts';
import { type Answers, verdictOf } from './verdict.ts';

type Phase = 'new' | 'locking' | 'pre-op' | 'open' | 'sync' | 'post-op' | 'unlock' | 'over';

export class Transaction {
  readonly #setting: Setting;
  #phase: Phase = 'new';
  #locking = new Locking(0, 0);
  #unlocks = 0;
  readonly #standing: Standing;
  #marking: Marking | undefined;
  #isNewMarked = false;
  #undoing: Request | undefined;
  readonly #waiting: Asked[] = [];
  readonly #requests = new Map<number, Request>();
  /** Fops that are answered once the failures have been recorded. */
  #parked: Request[] = [];
  #isClosing: boolean;
  /** Fewer children than a quorum are left, or it is not known what they have done. */
  #isBroken = false;
  /** How many writes were done, and how many of them are durable. */
  #unsynced = 0;
  #synced = 0;
  #out: Action[] = [];

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#standing = new Standing(setting.isQuorum, setting.kind === 'data' ? setting.arbiters : 0);
    this.#isClosing = setting.single;
  }

  /** Whether it takes another fop. */
  get isOpen(): boolean {
    if (this.#isBroken || this.#isClosing) return this.#phase === 'new' && this.#waiting.length === 0;
    return ['new', 'locking', 'pre-op', 'open'].includes(this.#phase);
  }

  get members(): Children {
    return this.#standing.members;
  }

  next(event: Event): readonly Action[] {
    this.#out = [];
    if (event.is === 'answer') this.#answer(event);
    else if (event.is === 'request') this.#request(event);
    else if (event.is === 'start') this.#start(event.up);
    else if (event.is === 'down') this.#down(event.child);
    else this.#isClosing = true;
    while (this.#proceed());
    return this.#out;
  }

  #call(step: Step, on: Children, more: Partial<Call> = {}): void {
    if (step === 'unlock') this.#unlocks += countOf(on);
    this.#out.push({ do: step, on, id: 0, whom: 0, dirty: 0, ...more });
  }

  #mark(step: Step, on: Children, more: Partial<Call> = {}): void {
    if (step === 'pre-op' || step === 'sync' || step === 'post-op') this.#phase = step;
    this.#marking = { step, fan: new Fan(on), whom: more.whom ?? 0 };
    this.#call(step, on, more);
  }

  #start(up: Children): void {
    this.#phase = 'locking';
    if (!this.#setting.isQuorum(up)) {
      this.#giveUp('ENOTCONN');
      return;
    }
    this.#locking = new Locking(this.#setting.locks, up);
    for (let lock = 0; lock < this.#setting.locks; lock++) this.#call('lock', up, { id: lock });
  }

  #request({ id, effect }: Asked): void {
    if (this.#phase !== 'open') return void this.#waiting.push({ id, effect });
    const { members, accused } = this.#standing;
    const later = this.#setting.kind === 'entry' ? members & accused : 0;
    const fan = new Fan(members & ~later);
    this.#requests.set(id, { id, effect, fan, later, before: this.#unsynced, code: undefined, from: 0 });
    this.#call('fop', members & ~later, { id });
  }

  #answer({ to, id, child, error, accuses }: Event & { readonly is: 'answer' }): void {
    if (to === 'lock' || to === 'wait') {
      for (const { step, on, lock } of this.#locking.answer(to, child, id, error)) this.#call(step, on, { id: lock });
    } else if (to === 'unlock') {
      this.#unlocks--; // If it failed, the lock is gone with its connection.
    } else if (to === 'fop') {
      const request = this.#requests.get(id)!;
      request.fan.add(child, error);
      if (request.fan.isDone && !this.#goOn(request)) this.#done(request);
    } else {
      if (to === 'pre-op') this.#standing.accused |= accuses ?? 0;
      this.#marking!.fan.add(child, error === 'ENOENT' ? 'ESTALE' : error); // Both say that the object is gone.
    }
  }

  /** Takes one more step, if all answers that it needs are there. Returns whether it has. */
  #proceed(phase = this.#phase): boolean {
    if (phase === 'locking' && this.#locking.isDone) this.#locked();
    else if (phase === 'unlock' && this.#unlocks === 0) {
      this.#phase = 'over';
      this.#out.push({ do: 'over' });
    } else if (this.#marking?.fan.isDone) this.#marked(this.#marking);
    else if (phase === 'open' && this.#marking === undefined) return this.#whileOpen();
    else return false;
    return true;
  }

  #locked(): void {
    this.#standing.members = this.#locking.locked;
    if (!this.#standing.hasQuorum) {
      this.#giveUp(verdictOf(this.#locking.errors, this.#setting.isQuorum).code ?? 'ENOTCONN');
    } else if (this.#setting.kind === 'data' || this.#standing.members !== allOf(this.#setting.count))
      this.#mark('pre-op', this.#standing.members);
    else this.#phase = 'open';
  }

  /** All children that were to make a mark have answered. */
  #marked({ step, fan, whom }: Marking): void {
    this.#marking = undefined;
    const ok = fan.answers.ok & (step === 'pre-op' || this.#setting.kind === 'data' ? this.#standing.members : ~0);
    const { code = 'ENOTCONN', agreed } = verdictOf(fan.answers, this.#setting.isQuorum);
    if (this.#setting.kind === 'data' && agreed !== 0 && code === 'ESTALE') this.#isBroken = true; // The file is gone.
    if (step === 'pre-op') this.#afterPreOp(ok, code);
    else if (step === 'undo') this.#undone(this.#undoing!.fan.answers, fan.answers.ok);
    else if (step !== 'new-entry') {
      this.#lose(fan.children & ~ok & this.#standing.members);
      if (step === 'sync' && !this.#isBroken) this.#synced = this.#unsynced;
      if (step === 'post-op') this.#standing.dirty &= ~fan.children;
      const isRecorded = this.#setting.isQuorum(ok);
      if (isRecorded) this.#standing.blamed |= whom;
      else this.#break();
      if (!isRecorded || this.#standing.toBlame === 0) this.#answerParked(isRecorded ? undefined : code);
      if (step !== 'blame') this.#end();
    }
  }

  #afterPreOp(ok: Children, code: Errno): void {
    this.#standing.dirty = this.#standing.members = ok;
    const trusted = ok & ~this.#standing.accused;
    if (!this.#setting.isQuorum(ok)) this.#giveUp(code);
    else if (trusted === 0) {
      this.#out.push({ do: 'split-brain' });
      this.#giveUp('EIO');
    } else if ((trusted & ~this.#setting.arbiters) === 0) this.#giveUp('ENOTCONN');
    else this.#phase = 'open';
  }

  /** Begins fops, records failures, and comes to the end, in this order. Returns whether it has begun something. */
  #whileOpen(): boolean {
    const isLast = this.#isClosing && this.#requests.size === 0;
    const isSynced = !this.#setting.durable || this.#unsynced === this.#synced;
    if (this.#waiting.length > 0) for (const request of this.#waiting.splice(0)) this.#request(request);
    else if (this.#isBroken && this.#parked.length > 0) this.#answerParked('ENOTCONN');
    else if (this.#isBroken && this.#requests.size === 0) this.#unlock();
    else if (this.#isBroken) return false;
    else if (this.#parked.length > 0) this.#recordLosses(isLast && isSynced);
    else if (isLast && isSynced) this.#end();
    else if (isLast) this.#mark('sync', this.#standing.members);
    else return false;
    return true;
  }

  /** Records which children have not done the fops that wait for their answers. */
  #recordLosses(isLast: boolean): void {
    const whom = this.#standing.toBlame;
    const isDone = this.#parked.some(({ code }) => code === undefined);
    if (whom === 0) this.#answerParked();
    else if (this.#setting.creates && isDone && !this.#isNewMarked) {
      this.#isNewMarked = true;
      this.#mark('new-entry', this.#standing.members, { whom });
    } else if (isLast) this.#end();
    else this.#mark('blame', this.#standing.members, { whom });
  }

  /** Records what is left to be recorded, takes the dirty marks away, and unlocks. */
  #end(): void {
    const whom = this.#standing.toBlame;
    if (this.#isBroken || (whom === 0 && !this.#standing.isDirty)) this.#unlock();
    else this.#mark('post-op', this.#standing.members, { whom, dirty: this.#standing.isDirty ? -1 : 0 });
  }

  #unlock(): void {
    this.#phase = 'unlock';
    for (const [id, on] of this.#locking.held.entries()) if (on !== 0) this.#call('unlock', on, { id });
  }

  /** The child takes its locks and its part in the transaction with it. */
  #down(child: number): void {
    this.#locking.down(child);
    if (!has(this.#standing.members, child)) return;
    if (this.#phase === 'pre-op') this.#standing.members &= ~only(child);
    // What else was asked of it is answered with an error. What it has done remains, but for data without a sync.
    if (this.#setting.kind === 'data' && this.#phase !== 'unlock') this.#lose(only(child));
  }

  /** These children lack something that the others have, or may do so. */
  #lose(children: Children): void {
    if (children === 0 || this.#isBroken) return;
    this.#standing.lose(children);
    this.#isClosing = true;
    if (!this.#standing.hasQuorum) this.#break();
  }

  #break(): void {
    if (!this.#isBroken && this.#unsynced > this.#synced) this.#out.push({ do: 'data-at-risk' });
    this.#isBroken = true;
  }

  /** The children that can be trusted have answered. If they have done it, the others are asked for it too. */
  #goOn(request: Request): boolean {
    const { id, fan, later } = request;
    if (later === 0 || fan.answers.ok === 0) return false;
    request.later = 0;
    fan.expect(later);
    this.#call('fop', later, { id });
    return true;
  }

  /** All children have answered a fop. */
  #done(request: Request): void {
    const { answers } = request.fan;
    this.#requests.delete(request.id);
    if (this.#setting.kind === 'data') answers.doubt(~this.#standing.members);
    const { code, agreed, astray } = verdictOf(answers, this.#setting.isQuorum, this.#standing.noSource);
    request.code = code;
    request.from = agreed;
    if (agreed === 0) {
      this.#undoing = request;
      // If it stayed, a repetition could make another object of the same name on the other children.
      if (this.#setting.undoes && answers.ok !== 0) this.#mark('undo', answers.ok);
      else this.#undone(answers, 0);
      return;
    }
    this.#lose(astray & this.#standing.members);
    if (code === undefined) this.#standing.lost |= allOf(this.#setting.count) & ~agreed;
    if (code === undefined && request.effect === 'unsynced') this.#unsynced++;
    if (code === undefined && request.effect === 'sync') this.#synced = Math.max(this.#synced, request.before);
    if (this.#standing.toBlame === 0 && !(this.#isBroken && code === undefined)) this.#out.push(replyTo(request));
    else this.#parked.push(request); // Also what no sync will follow, since the transaction is broken.
  }

  /** The fop was taken back from these children. If that is all, nothing was done by any. */
  #undone({ ok, unknown, errors }: Answers, undone: Children): void {
    const { id, code: failure } = this.#undoing!;
    const isUndone = undone === ok && unknown === 0;
    const [code = failure] = isUndone ? errors.keys() : [];
    this.#out.push(replyTo({ id, code, from: 0 }));
    if (!isUndone) this.#leaveDirty(ok);
  }

  /** What has become of the fop is not known. Dirty marks say so; they are made now if there was no pre-op. */
  #leaveDirty(ok: Children): void {
    this.#break();
    const unmarked = ok & ~this.#standing.dirty;
    if (unmarked !== 0 && this.#setting.kind !== 'data') this.#mark('post-op', unmarked, { dirty: 1 });
  }

  /** Answers the fops that were parked; with `code` if their failures could not be recorded. */
  #answerParked(code?: Errno): void {
    for (const one of this.#parked.splice(0))
      this.#out.push(replyTo(code === undefined ? one : { ...one, code, from: 0 }));
  }

  /** No fop is begun. What waits for the transaction fails. */
  #giveUp(code: Errno): void {
    for (const { id } of this.#waiting.splice(0)) this.#out.push(replyTo({ id, code, from: 0 }));
    this.#isClosing = this.#isBroken = true;
    const marked = this.#standing.dirty & this.#standing.members;
    if (marked === 0) this.#unlock();
    else this.#mark('post-op', marked, { dirty: -1 }); // Nothing was changed under these marks.
  }
}
