/** An event loop that connections are dealt to: this thread's. */
import type { Budget } from '../rpc/budget.ts';
import type { Clients } from './limits/client-limits.ts';
import type { ConnectionLimits } from './limits/connection-limits.ts';
import { Connection } from './connection.ts';
import type { Service } from './service.ts';
import type { Accepted } from './listener.ts';
import { within } from '../within.ts';

const CHECK_MS = 1_000;
/** How long a peer may leave its replies unread or its record incomplete while memory is short for all clients. */
const STUCK_MS = 2_000;
/** The same while memory is not short, but other connections of the same client wait for it. */
const STUCK_ALONE_MS = 10_000;
/** A budget is short when less than this part of it is left, or less than one call may need. */
const SHORT_PART = 1 / 8;
/** The part of a short budget that is freed at a time. */
const FREED_PART = 1 / 4;

export interface ClientStats {
  readonly address: string;
  readonly connections: number;
  readonly callsUnderWay: number;
}

export class Stage {
  readonly #service: Service;
  readonly #clients: Clients;
  readonly #limits: ConnectionLimits;
  readonly #connections = new Set<Connection>();
  readonly #left: (address: string) => void;
  readonly #timer: NodeJS.Timeout;
  #stopped: Promise<void> | undefined;

  /** `left` is told of each connection that is closed, by its address. */
  constructor(
    service: Service,
    clients: Clients,
    limits: ConnectionLimits,
    left: (address: string) => void = () => {},
  ) {
    this.#left = left;
    this.#service = service;
    this.#clients = clients;
    this.#limits = limits;
    this.#timer = setInterval(() => this.check(performance.now()), CHECK_MS).unref();
  }

  /** Closes the connections that the limits say are stuck. `now` is on the clock of `performance.now()`. */
  check(now: number): void {
    for (const connection of this.#connections) connection.check(now);
    for (const budget of Object.values(this.#clients.budgets) as Budget[]) {
      if (budget.awaited) this.#relieve(budget, now);
    }
  }

  get connections(): number {
    return this.#connections.size;
  }

  clients(): ClientStats[] {
    return [...this.#clients].map(({ address, connections, calls }) => ({
      address,
      connections: connections.size,
      callsUnderWay: calls,
    }));
  }

  accept({ fd, address, port }: Accepted): void {
    const peer = { address, port, transport: 'tcp' } as const;
    const connection = new Connection(fd, peer, this.#service, this.#clients, this.#limits);
    this.#connections.add(connection);
    void connection.closed.then(() => {
      this.#connections.delete(connection);
      this.#left(address);
    });
    if (this.#stopped) connection.destroy();
  }

  /** Closes the connection of `address` that can best be spared, if there is one. */
  spare(address: string): void {
    this.#clients.spare(address);
  }

  /** Takes no new call, answers those under way, closes; after `graceMs` it waits no more. Safe to call twice. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  /**
   * Called while connections wait for memory: closes those that keep most of it and whose peers do nothing about it. If
   * little is left for all, a connection of any client may be closed, otherwise only one of a client that keeps its own
   * connections waiting.
   */
  #relieve(budget: Budget, now: number): void {
    const short = budget.free < Math.max(budget.max * SHORT_PART, budget.each);
    const stuckMs = short ? STUCK_MS : STUCK_ALONE_MS;
    const stuck = [...this.#connections].filter(({ stuckSince, client, crampedSince, heldBytes }) => {
      // A connection that waits for the rest of the memory it needs keeps the first part of it from others.
      if (short && heldBytes > 0 && now - crampedSince >= STUCK_ALONE_MS) return true;
      return now - stuckSince >= stuckMs && (short || client.waits);
    });
    stuck.sort((a, b) => b.heldBytes - a.heldBytes);
    let wanted = short ? budget.max * FREED_PART : 1;
    for (const connection of stuck) {
      if (wanted <= 0) break;
      wanted -= connection.heldBytes;
      connection.close('keeps memory that others wait for');
    }
    budget.wake();
  }

  async #stop(graceMs: number): Promise<void> {
    clearInterval(this.#timer);
    const connections = [...this.#connections];
    await within(graceMs, Promise.all(connections.map(connection => connection.drain())));
    for (const connection of connections) connection.destroy();
    await Promise.all(connections.map(connection => connection.closed));
  }
}
