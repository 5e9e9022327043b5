import type { PeerLogger } from '#src/peer-log.ts';
import type { Call } from '#src/rpcsvc/actor.ts';

/** Whoever comes after these is refused in silence: addresses of datagrams can be made up, and would fill the log. */
const CLIENTS_MAX = 1024;

const ADVICE =
  'lock refused: this server keeps no locks, so the program there gets ENOLCK ("No locks available"); ' +
  'mount with -o nolock (Linux), nolocks,locallocks (macOS) or nolockd (FreeBSD) for locks within that client';

/** The clients that were refused a lock: their first is logged, with what to do about it. */
export class Refusals {
  readonly #log: PeerLogger;
  readonly #clients = new Set<string>();

  constructor(log: PeerLogger) {
    this.#log = log;
  }

  note({ peer: { address } }: Call): void {
    if (this.#clients.has(address) || this.#clients.size === CLIENTS_MAX) return;
    this.#clients.add(address);
    this.#log.warn({ client: address }, ADVICE);
  }
}
