/**
 * Decides which connections are accepted, within a limit for all clients and one for each address. At a limit every new
 * connection has an old one closed: of its own address if that is at its limit, otherwise of the address that has the
 * most connections.
 */
export interface AdmissionOptions {
  readonly connectionsMax: number;
  readonly perClientMax: number;
  /** Closes the most dispensable connection of `address`; {@link Admission.left} is called once it is closed. */
  spare(address: string): void;
}

/** How many connections may exceed the limit while those that were chosen to be closed are still closing. */
const LEAVING_MAX = 512;
/** The same limit for a new connection of an address that already has more connections than the average. */
const LEAVING_FOR_MANY_MAX = 64;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #connections = new Map<string, number>();
  #total = 0;
  /** Connections that were chosen to be closed and are still open. */
  #leaving = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  get total(): number {
    return this.#total;
  }

  /** Connections of one address. */
  of(address: string): number {
    return this.#connections.get(address) ?? 0;
  }

  /** Whether one more connection of `address` is accepted. If so, it counts until {@link left} is called. */
  admit(address: string): boolean {
    const { connectionsMax, perClientMax } = this.#options;
    const has = this.of(address);
    if (has >= perClientMax || this.#total >= connectionsMax) {
      const many = has * this.#connections.size > this.#total;
      if (this.#leaving >= (many ? LEAVING_FOR_MANY_MAX : LEAVING_MAX)) return false;
      this.#leaving++;
      this.#options.spare(has >= perClientMax ? address : this.#greatest());
    }
    this.#connections.set(address, has + 1);
    this.#total++;
    return true;
  }

  /** A connection of `address` is closed, for whatever reason. */
  left(address: string): void {
    const has = this.of(address);
    if (has > 1) this.#connections.set(address, has - 1);
    else this.#connections.delete(address);
    this.#total--;
    if (this.#leaving > 0) this.#leaving--;
  }

  /**
   * The address with the most connections. Of several it is the one that came last: an attacker that has many addresses
   * would otherwise take the places of the clients that were here before.
   */
  #greatest(): string {
    let greatest = '';
    let most = 0;
    for (const [address, connections] of this.#connections) {
      if (connections < most) continue;
      greatest = address;
      most = connections;
    }
    return greatest;
  }
}
