/** What one client, by its address, may have under way at a time, over all its connections to this stage. */
export interface Waiting {
  /** There may be room again. */
  resume(): void;
}

export class Client {
  readonly address: string;
  readonly #callsMax: number;
  readonly #waiting = new Set<Waiting>();
  calls = 0;
  connections = 0;

  constructor(address: string, callsMax: number) {
    this.address = address;
    this.#callsMax = callsMax;
  }

  get full(): boolean {
    return this.calls >= this.#callsMax;
  }

  /** `waiting` is told once when a call has ended. */
  wait(waiting: Waiting): void {
    this.#waiting.add(waiting);
  }

  forget(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  ended(): void {
    this.calls--;
    // All of them: whoever finds the client full again waits again, so that none is passed over for good.
    if (this.#waiting.size === 0 || this.full) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const one of waiting) one.resume();
  }
}

export class Clients {
  readonly #callsMax: number;
  readonly #clients = new Map<string, Client>();

  constructor(callsMax: number) {
    this.#callsMax = callsMax;
  }

  /** The client, with one connection more. */
  join(address: string): Client {
    let client = this.#clients.get(address);
    if (client === undefined) this.#clients.set(address, (client = new Client(address, this.#callsMax)));
    client.connections++;
    return client;
  }

  leave(client: Client): void {
    if (--client.connections === 0) this.#clients.delete(client.address);
  }

  [Symbol.iterator](): Iterator<Client> {
    return this.#clients.values();
  }
}
