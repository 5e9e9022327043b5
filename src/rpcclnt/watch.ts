/** The one timer of a connection: for the deadlines of its calls, and for finding out whether the server is alive. */

/** What the watch asks and tells the connection. Times are on the clock of `performance.now()`. */
export interface Watched {
  /** How many calls are under way. */
  calls(): number;
  /** The earliest deadline of a call; `Infinity` if none has one. */
  earliest(): number;
  /** Gives up the calls whose deadline is over. */
  overdue(now: number): void;
  /** When the server last showed otherwise than by sending something that it is alive. */
  lifeAt(): number;
  ping(): void;
  /** Nothing has come for `ms`. */
  dead(ms: number): void;
}

/** The longest time that a timer of Node.js can be set to. */
const TIMER_MS_MAX = 0x7fff_ffff;

export class Watch {
  readonly #pingMs: () => number;
  readonly #watched: Watched;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer goes off. */
  #dueAt = Infinity;
  /** Since when the server has been silent while calls were under way. */
  #silentSince = 0;
  /** When the server was asked whether it is alive; -1: it has not been since it last sent something. */
  #pingedAt = -1;
  #stopped = false;

  /** `pingMs` tells how long the server may be silent while calls are under way. */
  constructor(pingMs: () => number, watched: Watched) {
    this.#pingMs = pingMs;
    this.#watched = watched;
  }

  /** A call begins, the `first` of those under way. Returns the time. */
  began(timeoutMs: number, first: boolean): number {
    const now = performance.now();
    if (first) {
      this.#silentSince = now;
      this.#pingedAt = -1;
    }
    const deadline = now + timeoutMs;
    this.#setFor(first ? Math.min(deadline, now + this.#pingMs() / 2) : deadline, now);
    return now;
  }

  /** Something has been received. Returns the time. */
  received(): number {
    this.#pingedAt = -1;
    return (this.#silentSince = performance.now());
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stopped = true;
  }

  #setFor(at: number, now: number): void {
    if (at >= this.#dueAt || this.#stopped) return; // Infinity: never
    clearTimeout(this.#timer);
    this.#dueAt = at;
    this.#timer = setTimeout(this.#look, Math.min(Math.ceil(at - now), TIMER_MS_MAX)).unref();
  }

  readonly #look = (): void => {
    this.#dueAt = Infinity;
    const now = performance.now();
    this.#watched.overdue(now);
    if (this.#watched.calls() === 0 || this.#stopped) return;
    const earliest = this.#watched.earliest();
    const lookAt = this.#nextLookAt();
    if (now < lookAt) {
      this.#setFor(Math.min(earliest, lookAt), now);
    } else if (this.#pingedAt < 0) {
      this.#pingedAt = now;
      this.#setFor(Math.min(earliest, this.#nextLookAt()), now);
      this.#watched.ping();
    } else {
      // This process may have been the one that did nothing: first it receives what has come meanwhile.
      setImmediate(this.#judge);
    }
  };

  readonly #judge = (): void => {
    if (this.#stopped) return;
    const now = performance.now();
    const lookAt = this.#nextLookAt();
    if (this.#pingedAt >= 0 && now >= lookAt) this.#watched.dead(this.#pingMs());
    else this.#setFor(Math.min(this.#watched.earliest(), lookAt), now);
  };

  /** When the server is to be asked, or is dead, if nothing comes until then. */
  #nextLookAt(): number {
    return Math.max(this.#silentSince, this.#watched.lifeAt(), this.#pingedAt) + this.#pingMs() / 2;
  }
}
