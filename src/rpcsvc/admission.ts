/**
 * Which connections are let in: so many in all, so many of one address. When there are too many, one goes for each that
 * comes: of the address that has most of them.
 */
export interface AdmissionOptions {
  readonly connectionsMax: number;
  readonly perClientMax: number;
  /** Closes the connection of `address` that can best be spared; {@link Admission.left} is told when it is closed. */
  spare(address: string): void;
}

/** How many connections may be there above the limit until those that have been told to go are gone, */
const LEAVING_MAX = 512;
/** and how many of them are for addresses that have more than others already. */
const LEAVING_FOR_MANY_MAX = 64;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #connections = new Map<string, number>();
  #total = 0;
  /** Connections that have been told to go. */
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

  /** Whether one more of `address` may be there; it then counts until {@link left}. */
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

  /** The address with the most connections, which has had one for longest if there are several. */
  #greatest(): string {
    let greatest = '';
    let most = 0;
    for (const [address, connections] of this.#connections) {
      if (connections <= most) continue;
      greatest = address;
      most = connections;
    }
    return greatest;
  }
}
