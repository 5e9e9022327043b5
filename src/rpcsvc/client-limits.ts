/** What one client, by its address, may have under way at a time, over all its connections to this stage. */
import { Budget, Share, type Waiting } from './budget.ts';

export interface ClientLimits {
  /** Calls under way of one client, and of all. */
  readonly callsMax: number;
  readonly callsTotal: number;
  /** Bytes of records that have come or are coming, of all clients: partial ones, and the arguments of calls. */
  readonly receivedBytesTotal: number;
  /** Bytes of replies that are being made or wait to be sent, of all clients. */
  readonly replyBytesTotal: number;
}

/**
 * However fast calls come on however many connections, so many are taken of one client before the others have their turn.
 * When several clients are that fast they share the number.
 */
const CALLS_OF_TURN = 64;
const CALLS_OF_TURN_MIN = 8;
/** The only client of a stage makes others wait only while they connect, and each pause costs it some microseconds. */
const CALLS_OF_TURN_ALONE = 256;

/** What each client may have in any case: enough for one call of the largest kind, in buffers whose sizes double. */
const EACH_BYTES = 2.5 * 1024 * 1024;

/** The budgets of one stage, which its clients share. */
export class Budgets {
  readonly received: Budget;
  readonly replies: Budget;

  constructor({ receivedBytesTotal, replyBytesTotal }: ClientLimits) {
    this.received = new Budget(receivedBytesTotal, EACH_BYTES);
    this.replies = new Budget(replyBytesTotal, EACH_BYTES);
  }
}

/** A connection, as far as it matters to whether it may stay. */
export interface Connected {
  readonly proven: boolean;
  /** Calls under way. */
  readonly calls: number;
  /** On the clock of `performance.now()`. */
  readonly activeAt: number;
  close(why: string): void;
}

function goesBefore(a: Connected, b: Connected): boolean {
  if (a.proven !== b.proven) return !a.proven;
  if (a.calls > 0 !== b.calls > 0) return a.calls === 0;
  return a.activeAt < b.activeAt;
}

export class Client {
  readonly address: string;
  readonly received: Share;
  readonly replies: Share;
  readonly #clients: Clients;
  readonly #waiting = new Set<Waiting>();
  calls = 0;
  readonly connections = new Set<Connected>();
  /** The connection that may receive its record though the client has its share: so that there is always one that can. */
  favourite: Waiting | undefined;
  /** Calls that it has made in the turn with the number `#turn`. */
  #made = 0;
  #turn = 0;

  constructor(address: string, clients: Clients) {
    this.address = address;
    this.#clients = clients;
    this.received = new Share(clients.budgets.received);
    this.replies = new Share(clients.budgets.replies);
  }

  /** Whether it has as many calls under way as it may: its limit, and no more than are left for all others. */
  get full(): boolean {
    const { callsMax, callsTotal } = this.#clients.limits;
    return this.calls >= callsMax || (this.calls > 0 && this.calls >= callsTotal - this.#clients.calls);
  }

  /** Whether some of its connections wait. */
  get waits(): boolean {
    return this.#waiting.size > 0;
  }

  /** Counts a call that is taken. */
  took(): void {
    const { turn } = this.#clients;
    if (this.#turn === turn) {
      this.#made++;
    } else {
      this.#turn = turn;
      this.#made = 1;
    }
  }

  /**
   * Whether it has made as many calls in this turn of the event loop as it may: then `waiting` is told in the next.
   */
  waitsForTurn(waiting: Waiting): boolean {
    const clients = this.#clients;
    if (this.#turn !== clients.turn || this.#made < clients.callsOfTurn) return false;
    clients.waitForTurn(this, waiting);
    return true;
  }

  began(): void {
    this.calls++;
    this.#clients.calls++;
  }

  ended(): void {
    this.calls--;
    this.#clients.calls--;
    // Calls whose connection has ended still count, so that a client which reconnects gets no second helping.
    if (this.calls === 0 && this.connections.size === 0) this.#clients.gone(this);
    else this.wake();
  }

  /** `waiting` is told once, when the client or others have given something back. */
  wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.received.budget.wait(waiting);
    this.replies.budget.wait(waiting);
  }

  /** `waiting` has its record, or is gone: another one may be the favourite. */
  unfavour(waiting: Waiting): void {
    if (this.favourite !== waiting) return;
    this.favourite = undefined;
    this.wake();
  }

  forget(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    this.received.budget.forget(waiting);
    this.replies.budget.forget(waiting);
  }

  /** All its waiting connections look again; one that finds no room waits again. */
  wake(): void {
    if (this.#waiting.size === 0 || this.full) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const one of waiting) one.resumeSoon();
  }

  left(connection: Connected): void {
    this.connections.delete(connection);
    if (this.connections.size === 0 && this.calls === 0) this.#clients.gone(this);
  }

  /** The connection that can best be spared: one that never made a call, or else one without calls, idle for longest. */
  spareable(): Connected | undefined {
    let found: Connected | undefined;
    for (const one of this.connections) if (found === undefined || goesBefore(one, found)) found = one;
    return found;
  }
}

export class Clients {
  readonly limits: ClientLimits;
  readonly budgets: Budgets;
  /** Calls under way, of all. */
  calls = 0;
  /** Goes up when all may make calls again that have made as many as they may in a turn of the event loop. */
  turn = 0;
  #callsOfTurn = CALLS_OF_TURN;
  readonly #waiting = new Map<Waiting, Client>();
  readonly #clients = new Map<string, Client>();

  constructor(limits: ClientLimits) {
    this.limits = limits;
    this.budgets = new Budgets(limits);
  }

  /** The client of that address, which {@link gone} makes forgotten. */
  of(address: string): Client {
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = new Client(address, this);
      this.#clients.set(address, client);
    }
    return client;
  }

  /** How many calls a client may make before it is the others' turn. */
  get callsOfTurn(): number {
    return this.#clients.size === 1 ? CALLS_OF_TURN_ALONE : this.#callsOfTurn;
  }

  /** `waiting` is told when the next turn of the event loop has come. */
  waitForTurn(client: Client, waiting: Waiting): void {
    if (this.#waiting.size === 0) setImmediate(() => this.#nextTurn());
    this.#waiting.set(waiting, client);
  }

  #nextTurn(): void {
    const waiting = [...this.#waiting.keys()];
    const busy = new Set(this.#waiting.values()).size;
    this.#waiting.clear();
    this.#callsOfTurn = Math.max(CALLS_OF_TURN_MIN, Math.floor(CALLS_OF_TURN / busy));
    this.turn++;
    for (const one of waiting) one.resumeSoon();
  }

  /** Closes the connection of `address` that can best be spared, if there is one; the next time it is another one. */
  spare(address: string): void {
    const client = this.#clients.get(address);
    const one = client?.spareable();
    if (one === undefined) return;
    client!.connections.delete(one);
    one.close('others need its place');
  }

  /** It has neither connections nor calls any more. */
  gone(client: Client): void {
    if (this.#clients.get(client.address) === client) this.#clients.delete(client.address);
  }

  [Symbol.iterator](): Iterator<Client> {
    return this.#clients.values();
  }
}
