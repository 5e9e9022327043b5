/** An event loop that connections are dealt to: this thread's. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clients } from './client-limits.ts';
import { Connection, type ConnectionLimits } from './connection.ts';
import type { Service } from './dispatch.ts';
import type { Accepted } from './listener.ts';

const CHECK_MS = 5_000;

/** A full stage says so at most this often. */
const FULL_WARNING_MS = 10_000;

export interface StageLimits extends ConnectionLimits {
  readonly connectionsMax: number;
}

export interface ClientStats {
  readonly address: string;
  readonly connections: number;
  readonly callsUnderWay: number;
}

export class Stage {
  readonly #service: Service;
  readonly #clients: Clients;
  readonly #limits: StageLimits;
  readonly #connections = new Set<Connection>();
  readonly #timer: NodeJS.Timeout;
  #stopped: Promise<void> | undefined;
  #warnedAt = -Infinity;

  constructor(service: Service, clients: Clients, limits: StageLimits) {
    this.#service = service;
    this.#clients = clients;
    this.#limits = limits;
    this.#timer = setInterval(() => this.check(performance.now()), CHECK_MS).unref();
  }

  /** Closes the connections that the limits say are stuck. `now` is on the clock of `performance.now()`. */
  check(now: number): void {
    for (const connection of this.#connections) connection.check(now);
  }

  get connections(): number {
    return this.#connections.size;
  }

  clients(): ClientStats[] {
    return [...this.#clients].map(({ address, connections, calls }) => ({
      address,
      connections,
      callsUnderWay: calls,
    }));
  }

  accept({ fd, address, port }: Accepted): void {
    const peer = { address, port, transport: 'tcp' } as const;
    const connection = new Connection(fd, peer, this.#service, this.#clients, this.#limits);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
    if (this.#stopped) connection.destroy();
    if (this.#connections.size > this.#limits.connectionsMax) this.#refuse(connection);
  }

  /** Takes no new call, answers those under way, closes; after `graceMs` it waits no more. Safe to call twice. */
  stop(graceMs: number): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  #refuse(connection: Connection): void {
    connection.destroy();
    const now = performance.now();
    if (now - this.#warnedAt < FULL_WARNING_MS) return;
    this.#warnedAt = now;
    const { connectionsMax } = this.#limits;
    this.#service.log.warn({ client: connection.peer.address, connectionsMax }, 'too many connections: refused');
  }

  async #stop(graceMs: number): Promise<void> {
    clearInterval(this.#timer);
    const connections = [...this.#connections];
    const over = new AbortController();
    await Promise.race([
      Promise.all(connections.map(connection => connection.drain())),
      sleep(graceMs, undefined, { signal: over.signal }).catch(() => {}),
    ]);
    over.abort();
    for (const connection of connections) connection.destroy();
    await Promise.all(connections.map(connection => connection.closed));
  }
}
