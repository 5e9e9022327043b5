/** What one client, by its address, may have under way at a time, over all its connections to this stage. */
export interface Waiting {
  /** There may be room again. */
  resume(): void;
}

export class Client {
  readonly address: string;
  readonly #callsMax: number;
  readonly #gone: (client: Client) => void;
  readonly #waiting = new Set<Waiting>();
  calls = 0;
  connections = 0;

  /** `gone` is told when it has neither connections nor calls any more. */
  constructor(address: string, callsMax: number, gone: (client: Client) => void) {
    this.address = address;
    this.#callsMax = callsMax;
    this.#gone = gone;
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

  left(): void {
    if (--this.connections === 0 && this.calls === 0) this.#gone(this);
  }

  ended(): void {
    this.calls--;
    // Calls whose connection has ended still count: or whoever reconnects has as many again under way.
    if (this.calls === 0 && this.connections === 0) this.#gone(this);
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
    if (client === undefined) {
      client = new Client(address, this.#callsMax, () => this.#clients.delete(address));
      this.#clients.set(address, client);
    }
    client.connections++;
    return client;
  }

  [Symbol.iterator](): Iterator<Client> {
    return this.#clients.values();
  }
}
