import { NLM4 } from '#protocols/nlm.ts';
import type { PeerLogger } from '#src/peer-log.ts';
import type { Call } from '#src/rpcsvc/actor.ts';

/**
 * The answer to every request for a lock: "the server could not allocate the necessary resources" (RFC 1813, 6.1.4).
 * Clients turn it into ENOLCK and do not ask again, so no program waits for a lock or believes that it has one.
 */
export const LOCK_REFUSED = NLM4.DENIED_NOLOCKS;

/** Refusals of further clients are not logged: senders of datagrams can forge addresses and would fill the log. */
const CLIENTS_MAX = 1024;

const ADVICE =
  'lock refused: this server keeps no locks, so the program there gets ENOLCK ("No locks available"); ' +
  'mount with -o nolock (Linux), nolocks,locallocks (macOS) or nolockd (FreeBSD) for locks within that client';

/** The clients that were refused a lock. The first refusal of each is logged, with what to do about it. */
export class Refusals {
  readonly #log: PeerLogger;
  readonly #clients = new Set<string>();

  constructor(log: PeerLogger) {
    this.#log = log;
  }

  /** Notes that the lock that `call` asks for is refused. */
  note({ peer: { address } }: Call): void {
    if (this.#clients.has(address) || this.#clients.size === CLIENTS_MAX) return;
    this.#clients.add(address);
    this.#log.warn({ client: address }, ADVICE);
  }
}
