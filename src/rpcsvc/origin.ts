/**
 * Where a call came from, as far as the reply cache must know: it outlives the connection, so it holds nothing else of it.
 */

/**
 * How a connection stands: open; broken, so that its client may ask again elsewhere what was not answered; or finished by
 * the client itself when it had every reply.
 */
export type OriginState = 'open' | 'broken' | 'finished';

/** A client that has lost its connection is back within this, or its network was down for longer. As knfsd's cache. */
const ELSEWHERE_MS_MAX = 120_000;
/** Ports below are for a client's root alone. */
const PRIVILEGED_PORTS = 1024;

export class Origin {
  readonly port: number;
  state: OriginState = 'open';
  /** On the clock of `performance.now()`; endless while it is open. */
  endedAt = Infinity;

  constructor(port: number) {
    this.port = port;
  }

  /** The connection has ended. `finished`: by the client, which has received all that it asked for. */
  end(finished: boolean, now: number): void {
    this.state = finished ? 'finished' : 'broken';
    this.endedAt = now;
  }
}

/**
 * Whether a call from `later` may be one from `earlier` that is sent again; both are of one address.
 *
 * Several clients may share an address (containers, NAT), and their xids may be the same. What tells them apart is the
 * connection, as for knfsd the port: a call from another port is a retry only if the connection that brought the first
 * one has broken. While that one is open, its client asks there. If the client has gone without the server noticing, its
 * retry from another port is carried out again, as knfsd would; Linux comes back from the same port, and since two
 * connections cannot share one, the older has ended then, noticed or not.
 *
 * A client that has closed its connection after all its replies had been acknowledged has nothing to ask again: the same
 * xid comes then from a program that counts from the same number at each start.
 */
export function mayAskAgain(earlier: Origin, later: Origin, now: number): boolean {
  if (earlier === later) return true;
  if (earlier.state === 'finished') return false;
  // Or any user of the client could have what was answered to its root, though the export refuses such ports.
  if (earlier.port < PRIVILEGED_PORTS && later.port >= PRIVILEGED_PORTS) return false;
  if (earlier.port === later.port) return true;
  return earlier.state === 'broken' && now - earlier.endedAt <= ELSEWHERE_MS_MAX;
}
