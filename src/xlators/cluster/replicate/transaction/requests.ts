import type { Errno } from '../../../../errno.ts';
import type { Children } from '../children.ts';
import { Fan } from './fan.ts';
import { type Effect, type Reply, replyTo } from './steps.ts';

/** A fop that is to be done. */
export interface Asked {
  readonly id: number;
  readonly effect: Effect;
}

/** A fop under way. */
export interface Request extends Asked {
  readonly fan: Fan;
  /** How many unsynced writes had been done when it began. */
  readonly before: number;
  /**
   * The children that others blame for names in this directory. They might rename, or remove, what no longer exists:
   * so they are asked only if others have done it.
   */
  later: Children;
  code: Errno | undefined;
  from: Children;
}

/** The fops of a transaction. */
export class Requests {
  /** Those that it has not begun. */
  #waiting: Asked[] = [];
  readonly #underWay = new Map<number, Request>();
  /** Those that are answered once the failures have been recorded. */
  #parked: Request[] = [];
  /** How many writes were done, and how many of them are durable. */
  #unsynced = 0;
  #synced = 0;

  get isAnyWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get isAnyUnderWay(): boolean {
    return this.#underWay.size > 0;
  }

  get isAnyParked(): boolean {
    return this.#parked.length > 0;
  }

  /** Whether one of those that are parked was done. */
  get isAnyDone(): boolean {
    return this.#parked.some(({ code }) => code === undefined);
  }

  get isSynced(): boolean {
    return this.#unsynced === this.#synced;
  }

  wait(asked: Asked): void {
    this.#waiting.push(asked);
  }

  takeWaiting(): readonly Asked[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }

  begin({ id, effect }: Asked, on: Children, later: Children): void {
    const request = { id, effect, fan: new Fan(on), later, before: this.#unsynced, code: undefined, from: 0 };
    this.#underWay.set(id, request);
  }

  /** Takes a child's answer to a fop, and returns the fop. */
  answer(id: number, child: number, error: Errno | undefined): Request {
    const request = this.#underWay.get(id)!;
    request.fan.add(child, error);
    return request;
  }

  end({ id }: Request): void {
    this.#underWay.delete(id);
  }

  /** Counts a fop that was done. */
  done({ effect, before }: Request): void {
    if (effect === 'unsynced') this.#unsynced++;
    if (effect === 'sync') this.#synced = Math.max(this.#synced, before);
  }

  /** Everything that was done is durable now. */
  synced(): void {
    this.#synced = this.#unsynced;
  }

  park(request: Request): void {
    this.#parked.push(request);
  }

  /** The answers to those that were parked; with `code` if their failures could not be recorded. */
  answerParked(code?: Errno): Reply[] {
    const parked = this.#parked;
    this.#parked = [];
    return parked.map(one => replyTo(code === undefined ? one : { ...one, code, from: 0 }));
  }
}
