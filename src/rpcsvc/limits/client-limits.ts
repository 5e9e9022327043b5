/**
 * The limits on what one client, identified by its address, may have under way at a time over all its connections to
 * this stage.
 */
import { Budget, Share, type Waiting } from '../../rpc/budget.ts';

export interface ClientLimits {
  /** Calls under way: of one client, and of all clients together. */
  readonly callsMax: number;
  readonly callsTotal: number;
  /** Bytes of received records of all clients: incomplete ones, and the arguments of calls under way. */
  readonly receivedBytesTotal: number;
  /** Bytes of the replies of all clients that are being made or wait to be sent. */
  readonly replyBytesTotal: number;
}

/**
 * How many calls are taken from one client before it is the turn of the others, however fast its calls arrive and
 * however many connections it has. Several such clients share the number.
 */
const CALLS_OF_TURN = 64;
const CALLS_OF_TURN_MIN = 8;
/**
 * The same for the only client of a stage, which can delay only clients that are connecting. Each pause costs it some
 * microseconds.
 */
const CALLS_OF_TURN_ALONE = 256;

/**
 * Memory that each client may use in any case: enough for one call of the largest kind, in buffers whose sizes are
 * powers of two.
 */
const EACH_BYTES = 2.5 * 1024 * 1024;

/** The budgets of one stage, which its clients share. */
class Budgets {
  readonly received: Budget;
  readonly replies: Budget;

  constructor({ receivedBytesTotal, replyBytesTotal }: ClientLimits) {
    this.received = new Budget(receivedBytesTotal, EACH_BYTES);
    this.replies = new Budget(replyBytesTotal, EACH_BYTES);
  }
}

/** What decides which connection of a client is closed when one must be. */
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
  /**
   * The connection that may receive the rest of its record although the client has used up its share, so that at least
   * one connection always makes progress.
   */
  favourite: Waiting | undefined;
  /** The calls that the client has made in the turn with the number `#turn`. */
  #made = 0;
  #turn = 0;

  constructor(address: string, clients: Clients) {
    this.address = address;
    this.#clients = clients;
    this.received = new Share(clients.budgets.received);
    this.replies = new Share(clients.budgets.replies);
  }

  /**
   * Whether the client may start no further call: it has reached its limit, or as many calls as are left for all
   * others.
   */
  get full(): boolean {
    const { callsMax, callsTotal } = this.#clients.limits;
    return this.calls >= callsMax || (this.calls > 0 && this.calls >= callsTotal - this.#clients.calls);
  }

  /** Whether any of the client's connections waits for memory or for a call to end. */
  get waits(): boolean {
    return this.#waiting.size > 0;
  }

  /** Counts a call that was taken in this turn. */
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
   * Whether the client has made all the calls that it may make in this turn of the event loop. If so, `waiting` is
   * resumed in the next turn.
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

  /** Resumes `waiting` once, when this client or another has given memory back or has fewer calls under way. */
  wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
    this.received.budget.wait(waiting);
    this.replies.budget.wait(waiting);
  }

  /** Called when `waiting` has received its record or is closed; another connection may become the favourite. */
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

  /** Makes all waiting connections of the client try again. A connection that finds no room waits again. */
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

  /**
   * The most dispensable connection: one that never made a call, or else one without calls under way that has been idle
   * for longest.
   */
  spareable(): Connected | undefined {
    let found: Connected | undefined;
    for (const one of this.connections) if (found === undefined || goesBefore(one, found)) found = one;
    return found;
  }
}

export class Clients {
  readonly limits: ClientLimits;
  readonly budgets: Budgets;
  /** The calls under way of all clients together. */
  calls = 0;
  /** The number of the current turn. With a new turn, clients that have used up their calls may make calls again. */
  turn = 0;
  #callsOfTurn = CALLS_OF_TURN;
  readonly #waiting = new Map<Waiting, Client>();
  readonly #clients = new Map<string, Client>();

  constructor(limits: ClientLimits) {
    this.limits = limits;
    this.budgets = new Budgets(limits);
  }

  /** Returns the client with that address, and creates it if it is not known. {@link gone} removes it. */
  of(address: string): Client {
    let client = this.#clients.get(address);
    if (client === undefined) {
      client = new Client(address, this);
      this.#clients.set(address, client);
    }
    return client;
  }

  /** How many calls a client may make in one turn of the event loop. */
  get callsOfTurn(): number {
    return this.#clients.size === 1 ? CALLS_OF_TURN_ALONE : this.#callsOfTurn;
  }

  /** Resumes `waiting` in the next turn of the event loop. */
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

  /** Closes the most dispensable connection of `address`, if it has any. The next call chooses another one. */
  spare(address: string): void {
    const client = this.#clients.get(address);
    const one = client?.spareable();
    if (one === undefined) return;
    client!.connections.delete(one);
    one.close('others need its place');
  }

  /** Removes a client that has neither connections nor calls under way. */
  gone(client: Client): void {
    if (this.#clients.get(client.address) === client) this.#clients.delete(client.address);
  }

  [Symbol.iterator](): Iterator<Client> {
    return this.#clients.values();
  }
}
