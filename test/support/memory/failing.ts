/**
 * A layer over a brick in memory through which a test breaks the connection to it, freezes it, or has a certain call fail:
 * the n-th from then on, or the n-th of some fops, before the brick has done it or after that.
 */
import { type Errno, FsError } from '#src/errno.ts';
import type { GraphEvent } from '#src/graph/event.ts';
import type { Fop, Fops } from '#src/graph/fops.ts';
import { bool } from '#src/graph/options.ts';
import { Xlator } from '#src/graph/xlator.ts';
import { Memory } from './memory.ts';

const options = { up: bool({ default: true }, 'Whether the connection is there from the start.') };

export interface Fault {
  /** Which of the calls from now on that match, counted from 1, which is the default; or each of them until `cancel`. */
  readonly nth?: number | 'each';
  /** Which fops match; all of them by default. */
  readonly fop?: Fop | readonly Fop[];
  /** Which of their calls match. */
  readonly of?: (...args: readonly any[]) => boolean;
  /** Whether the brick has done it when the fault happens. */
  readonly when: 'before' | 'after';
  /**
   * `down`: the connection breaks. `hang`: there is no answer (and with `before`, the brick does nothing) until `resume`
   * is called or the connection breaks. Otherwise the call fails with the errno.
   */
  readonly what: 'down' | 'hang' | Errno;
}

/** A fault that was planned. */
export interface Planned {
  /** Resolves when it has happened. */
  readonly happened: Promise<void>;
  /** Ends the hanging of the call. */
  readonly resume: () => void;
  /** Takes the plan back. */
  readonly cancel: () => void;
}

interface Plan extends Fault {
  left: number;
  readonly happen: () => void;
  readonly resumed: Promise<void>;
}

export class Failing extends Xlator<typeof options> {
  static readonly options = options;
  /** Every call so far, in order. Tests may empty it. */
  readonly calls: { readonly fop: Fop; readonly args: readonly any[] }[] = [];
  #plans: Plan[] = [];
  #isUp = this.options.up;
  /** How often the connection has broken. A call that came over one that has broken is not done any more. */
  #breaks = 0;
  /** Whether the brick below has said that it is up. */
  #childUp = false;
  /** Whether the brick is on this machine. Those above ask when they are told that it is up. */
  local = true;
  readonly #pending = new Set<(error: FsError) => void>();
  #frozen: PromiseWithResolvers<void> | undefined;

  override get isLocal(): boolean {
    return this.local;
  }

  override get isRemote(): boolean {
    return true;
  }

  /** Breaks the connection: calls under way fail, the brick drops this client's locks, and parents are told. */
  disconnect(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#breaks++;
    this.#memory.disconnect();
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const reject of pending) reject(new FsError('ENOTCONN', `ENOTCONN: ${this.name} is not connected`));
    if (this.#childUp) super.notify({ kind: 'child-down' });
  }

  connect(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    if (this.#childUp) super.notify({ kind: 'child-up' });
  }

  /** From now on the brick answers nothing, as a stopped process does; what comes waits for {@link thaw}. */
  freeze(): void {
    this.#frozen ??= Promise.withResolvers();
  }

  /** The brick goes on with what has come meanwhile. */
  thaw(): void {
    this.#frozen?.resolve();
    this.#frozen = undefined;
  }

  fail(fault: Fault): Planned {
    const happened = Promise.withResolvers<void>();
    const resumed = Promise.withResolvers<void>();
    const plan: Plan = {
      ...fault,
      left: fault.nth === 'each' ? 0 : (fault.nth ?? 1),
      happen: happened.resolve,
      resumed: resumed.promise,
    };
    this.#plans.push(plan);
    const cancel = () => {
      this.#plans = this.#plans.filter(one => one !== plan);
    };
    return { happened: happened.promise, resume: resumed.resolve, cancel };
  }

  override notify(event: GraphEvent, from?: Xlator): void {
    if (event.kind === 'child-up' || event.kind === 'child-down') {
      this.#childUp = event.kind === 'child-up';
      if (!this.#isUp) {
        super.notify({ kind: 'child-down' });
        return;
      }
    }
    super.notify(event, from);
  }

  protected override wind<F extends Fop>(fop: F, ...args: Parameters<Fops[F]>): ReturnType<Fops[F]> {
    this.calls.push({ fop, args });
    if (!this.#isUp) return Promise.reject(new FsError('ENOTCONN')) as ReturnType<Fops[F]>;
    const { promise, resolve, reject } = Promise.withResolvers<any>();
    this.#pending.add(reject);
    const run = this.#run(this.#due(fop, args), () => super.wind(fop, ...args) as Promise<unknown>);
    run.then(resolve, reject).finally(() => this.#pending.delete(reject));
    return promise as ReturnType<Fops[F]>;
  }

  async #run(plan: Plan | undefined, call: () => Promise<unknown>): Promise<unknown> {
    const breaks = this.#breaks;
    if (this.#frozen !== undefined) await this.#frozen.promise;
    if (plan?.when === 'before') await this.#happen(plan);
    if (!this.#isUp || breaks !== this.#breaks) throw new FsError('ENOTCONN');
    if (plan?.when !== 'after') return call();
    const answer = await Promise.allSettled([call()]);
    await this.#happen(plan);
    if (answer[0].status === 'rejected') throw answer[0].reason;
    return answer[0].value;
  }

  async #happen({ what, happen, resumed }: Plan): Promise<void> {
    if (what === 'down') this.disconnect();
    happen();
    if (what === 'down') throw new FsError('ENOTCONN');
    if (what === 'hang') await resumed;
    else throw new FsError(what);
  }

  /** The plan that this call fulfils, which then is no longer one. */
  #due(fop: Fop, args: readonly unknown[]): Plan | undefined {
    const matching = this.#plans.filter(plan => isOf(plan.fop, fop) && (plan.of?.(...args) ?? true));
    for (const plan of matching) plan.left--;
    const due = matching.find(({ left }) => left <= 0);
    if (due?.nth !== 'each') this.#plans = this.#plans.filter(plan => plan !== due);
    return due;
  }

  get #memory(): Memory {
    const [child] = this.children;
    if (child instanceof Memory) return child;
    throw new TypeError(`expected test/memory below ${this.name}, found ${child?.type}`);
  }
}

const isOf = (fops: Fault['fop'], fop: Fop): boolean =>
  fops === undefined || (typeof fops === 'string' ? fops === fop : fops.includes(fop));
