import type { Errno } from '../../../../errno.ts';
import { allOf, type Children, has, only } from '../children.ts';
import { Course } from './course.ts';
import { Fan, type Marking } from './fan.ts';
import { type Asked, type Request, Requests } from './requests.ts';
import { type Action, type Event, replyTo, type Setting } from './steps.ts';
import { Standing } from './standing.ts';
import { type Answers, errorOfSource, verdictOf } from './verdict.ts';

/**
 * A transaction as a state machine that makes no calls: {@link Transaction.next} takes an event and returns what is to be
 * done.
 */
export class Transaction extends Course {
  readonly #setting: Setting;
  readonly #standing: Standing;
  #isNewMarked = false;
  /** The fop on which the children do not agree, while that is recorded, and the one that is taken back. */
  #doubted: Request | undefined;
  #undoing: Request | undefined;
  readonly #requests = new Requests();
  #isClosing: boolean;
  /** Fewer children than a quorum are left, or it is not known what they have done. */
  #isBroken = false;

  constructor(setting: Setting) {
    super();
    this.#setting = setting;
    this.#standing = new Standing(setting.isQuorum, setting.arbiters);
    this.#isClosing = setting.single;
  }

  /** Whether it takes another fop. */
  get isOpen(): boolean {
    if (this.#isBroken || this.#isClosing) return this.phase === 'new' && !this.#requests.isAnyWaiting;
    return ['new', 'locking', 'pre-op', 'open'].includes(this.phase);
  }

  get members(): Children {
    return this.#standing.members;
  }

  next(event: Event): readonly Action[] {
    this.out = [];
    if (event.is === 'answer') this.#answer(event);
    else if (event.is === 'request') this.#request(event);
    else if (event.is === 'start') this.#start(event.up);
    else if (event.is === 'down') this.#down(event.child);
    else this.#isClosing = true;
    while (this.#proceed());
    return this.out;
  }

  #start(up: Children): void {
    if (this.#setting.isQuorum(up)) this.lock(this.#setting.locks, up);
    else this.#giveUp('ENOTCONN');
  }

  #request(asked: Asked): void {
    if (this.phase !== 'open') {
      this.#requests.wait(asked);
      return;
    }
    const { members, accused } = this.#standing;
    const later = this.#setting.kind === 'entry' ? members & accused : 0;
    this.#requests.begin(asked, members & ~later, later);
    this.call('fop', members & ~later, { id: asked.id });
  }

  #answer({ to, id, child, error, accuses }: Event & { readonly is: 'answer' }): void {
    if (to === 'lock' || to === 'wait') {
      for (const { step, on, lock } of this.locking.answer(to, child, id, error)) this.call(step, on, { id: lock });
    } else if (to === 'unlock') {
      this.unlocks--; // If it failed, the lock is gone with its connection.
    } else if (to === 'fop') {
      const request = this.#requests.answer(id, child, error);
      if (request.fan.isDone && !this.#goOn(request)) this.#done(request);
    } else {
      if (to !== 'new-entry') this.#standing.accused |= accuses ?? 0; // That one is of another object.
      this.marking!.fan.add(child, error === 'ENOENT' ? 'ESTALE' : error); // Both say that the object is gone.
    }
  }

  /** Takes one more step, if all answers that it needs are there. Returns whether it has. */
  #proceed(phase = this.phase): boolean {
    if (phase === 'locking' && this.locking.isDone) this.#locked();
    else if (phase === 'unlock' && this.unlocks === 0) {
      this.phase = 'over';
      this.out.push({ do: 'over' });
    } else if (this.marking?.fan.isDone) this.#marked(this.marking);
    else if (phase === 'open' && this.marking === undefined) return this.#whileOpen();
    else return false;
    return true;
  }

  #locked(): void {
    this.#standing.members = this.locked;
    if (!this.#standing.hasQuorum) {
      this.#giveUp(verdictOf(this.locking.errors, this.#setting.isQuorum).code ?? 'ENOTCONN');
    } else if (this.#setting.kind === 'data' || this.#standing.members !== allOf(this.#setting.count))
      this.mark('pre-op', this.#standing.members);
    else this.phase = 'open';
  }

  /** All children that were to make a mark have answered. */
  #marked({ step, fan, whom }: Marking): void {
    this.marking = undefined;
    const ok = fan.answers.ok & (step === 'pre-op' || this.#setting.kind === 'data' ? this.#standing.members : ~0);
    const { code = 'ENOTCONN', agreed } = verdictOf(fan.answers, this.#setting.isQuorum);
    if (this.#setting.kind === 'data' && agreed !== 0 && code === 'ESTALE') this.#isBroken = true; // The file is gone.
    if (step === 'pre-op') this.#afterPreOp(ok, code);
    else if (step === 'doubt') this.#judge(fan);
    else if (step === 'undo') this.#undone(this.#undoing!.fan.answers, fan.answers.ok);
    else if (step === 'retract') {
      if (this.phase !== 'open') this.unlock();
    } else if (whom !== 0 && step !== 'new-entry' && ok !== 0 && !this.#standing.isEnough(ok))
      this.#retract(ok, whom, code);
    else if (step !== 'new-entry') {
      this.#lose(fan.children & ~ok & this.#standing.members);
      if (step === 'sync' && !this.#isBroken) this.#requests.synced();
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
    if (!this.#setting.isQuorum(ok)) this.#giveUp(code);
    else if (this.#standing.hasQuorum) this.phase = 'open';
    else if ((allOf(this.#setting.count) & ~this.#standing.accused) === 0) {
      this.out.push({ do: 'split-brain' });
      this.#giveUp('EIO');
    } else this.#giveUp('ENOTCONN'); // The child that has everything does not take part.
  }

  /** Begins fops, records failures, and comes to the end, in this order. Returns whether it has begun something. */
  #whileOpen(): boolean {
    const { isAnyWaiting, isAnyUnderWay, isAnyParked } = this.#requests;
    const isLast = this.#isClosing && !isAnyUnderWay;
    const isSynced = !this.#setting.durable || this.#requests.isSynced;
    if (isAnyWaiting) for (const request of this.#requests.takeWaiting()) this.#request(request);
    else if (this.#isBroken && isAnyParked) this.#answerParked('ENOTCONN');
    else if (this.#isBroken && !isAnyUnderWay) this.unlock();
    else if (this.#isBroken) return false;
    else if (isAnyParked) this.#recordLosses(isLast && isSynced);
    else if (isLast && isSynced) this.#end();
    else if (isLast) this.mark('sync', this.#standing.members);
    else return false;
    return true;
  }

  /** Records which children have not done the fops that wait for their answers. */
  #recordLosses(isLast: boolean): void {
    const whom = this.#standing.toBlame;
    if (whom === 0) this.#answerParked();
    else if (this.#setting.creates && this.#requests.isAnyDone && !this.#isNewMarked) {
      this.#isNewMarked = true;
      this.mark('new-entry', this.#standing.members, { whom });
    } else if (isLast) this.#end();
    else this.mark('blame', this.#standing.members, { whom });
  }

  /** Records what is left to be recorded, takes the dirty marks away, and unlocks. */
  #end(): void {
    const whom = this.#standing.toBlame;
    if (this.#isBroken || (whom === 0 && !this.#standing.isDirty)) this.unlock();
    else this.mark('post-op', this.#standing.members, { whom, dirty: this.#standing.isDirty ? -1 : 0 });
  }

  /** The child takes its locks and its part in the transaction with it. */
  #down(child: number): void {
    this.locking.down(child);
    if (!has(this.#standing.members, child)) return;
    // What was asked of it is answered with an error. What it has done remains, but for data without a sync.
    if (this.phase === 'pre-op' || this.#setting.kind !== 'data') this.#standing.members &= ~only(child);
    else if (this.phase !== 'unlock') this.#lose(only(child));
  }

  /** These children lack something that the others have, or may do so. */
  #lose(children: Children): void {
    if (children === 0 || this.#isBroken) return;
    this.#standing.lose(children);
    this.#isClosing = true;
    if (!this.#standing.hasQuorum) this.#break();
  }

  #break(): void {
    if (!this.#isBroken && !this.#requests.isSynced) this.out.push({ do: 'data-at-risk' });
    this.#isBroken = true;
  }

  /** The children that can be trusted have answered. If they have done it, the others are asked for it too. */
  #goOn(request: Request): boolean {
    const { id, fan } = request;
    if (request.later === 0 || fan.answers.ok === 0) return false;
    const later = request.later & this.locked;
    request.later = 0;
    if (later === 0) return false;
    fan.expect(later);
    this.call('fop', later, { id });
    return true;
  }

  /**
   * Without a pre-op it is not known which children are blamed. As long as they agree that does not matter. Otherwise it is
   * found out before any of them is blamed.
   */
  #isDoubtful({ fan }: Request): boolean {
    if (this.#setting.kind === 'data' || this.#standing.dirty !== 0) return false;
    const { ok, unknown, known } = fan.answers;
    return (ok | unknown) !== 0 && ok !== fan.children && (known & this.locked) !== 0;
  }

  /** The children have told which of them they blame. What became of those that could not is not known. */
  #judge({ children, answers }: Fan): void {
    const request = this.#doubted!;
    this.#doubted = undefined;
    request.fan.answers.doubt(children & ~answers.ok);
    this.#settle(request);
  }

  /** All children have answered a fop. */
  #done(request: Request): void {
    const { answers } = request.fan;
    this.#requests.end(request);
    if (this.#setting.kind === 'data') answers.doubt(~this.#standing.members);
    if (!this.#isDoubtful(request)) this.#settle(request);
    else {
      this.#doubted = request;
      this.mark('doubt', answers.known & this.locked);
    }
  }

  /** Finds what the answers to a fop amount to. */
  #settle(request: Request): void {
    const { answers } = request.fan;
    const { code, agreed, astray } = verdictOf(answers, this.#setting.isQuorum, this.#standing.noSource);
    request.code = code;
    request.from = agreed;
    const canRecord = code === undefined || this.#standing.isEnough(this.#standing.members & ~astray);
    if (agreed === 0 || (!canRecord && this.#setting.undoes && answers.ok !== 0)) {
      this.#undoing = request;
      // If it stayed, a repetition could make another object of the same name on the other children.
      const made = (answers.ok | answers.unknown) & this.locked;
      if (this.#setting.undoes && made !== 0) this.mark('undo', made);
      else this.#undone(answers, 0);
      return;
    }
    this.#lose(astray & this.#standing.members);
    // A child that has gone down may have done what the others refused, such as to make a name that only it lacked.
    this.#standing.lost |= code === undefined ? allOf(this.#setting.count) & ~agreed : astray;
    if (code === undefined) this.#requests.done(request);
    if (this.#standing.toBlame === 0 && !(this.#isBroken && code === undefined)) this.out.push(replyTo(request));
    else this.#requests.park(request); // Also what no sync will follow, since the transaction is broken.
  }

  /** The fop was taken back from these children. If that is all, nothing was done by any. */
  #undone({ ok, unknown, errors }: Answers, undone: Children): void {
    const { id, code: failure } = this.#undoing!;
    const isUndone = ((ok | unknown) & ~undone) === 0;
    const code = (isUndone ? errorOfSource(errors, this.#standing.noSource) : undefined) ?? failure;
    this.out.push(replyTo({ id, code, from: 0 }));
    if (!isUndone) this.#leaveDirty(ok);
  }

  /** What has become of the fop is not known. Dirty marks say so; they are made now if there was no pre-op. */
  #leaveDirty(ok: Children): void {
    this.#break();
    const unmarked = ok & ~this.#standing.dirty;
    if (unmarked !== 0 && this.#setting.kind !== 'data') this.mark('post-op', unmarked, { dirty: 1 });
  }

  /**
   * The blame was recorded by too few, or another client has blamed those that have recorded it, so that there would be
   * nothing to heal from. Then the dirty mark says that the children differ.
   */
  #retract(on: Children, whom: Children, code: Errno): void {
    this.#break();
    this.#answerParked(code);
    this.mark('retract', on, { whom });
  }

  #answerParked(code?: Errno): void {
    this.out.push(...this.#requests.answerParked(code));
  }

  /** No fop is begun. What waits for the transaction fails. */
  #giveUp(code: Errno): void {
    for (const { id } of this.#requests.takeWaiting()) this.out.push(replyTo({ id, code, from: 0 }));
    this.#isClosing = this.#isBroken = true;
    const marked = this.#standing.dirty & this.#standing.members;
    if (marked === 0) this.unlock();
    else this.mark('post-op', marked, { dirty: -1 }); // Nothing was changed under these marks.
  }
}
