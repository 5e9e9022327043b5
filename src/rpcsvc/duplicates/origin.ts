/**
 * The connection that a call came from, as far as the reply cache must know it. An origin outlives its connection, and
 * holds nothing of it after its end.
 */

/**
 * The state of a connection: `open`; `broken`, so that its client may repeat unanswered calls over another connection;
 * or `finished`, closed by the client after it had received every reply.
 */
export type OriginState = 'open' | 'broken' | 'finished';

/**
 * A client that has lost its connection reconnects within this time, unless its network was down for longer. knfsd's
 * cache keeps replies for as long.
 */
const ELSEWHERE_MS_MAX = 120_000;
/** Only root can use ports below this one on a client. */
const PRIVILEGED_PORTS = 1024;

export class Origin {
  readonly port: number;
  #state: OriginState = 'open';
  /** Asks the kernel, while the connection is open. */
  #look: (() => OriginState) | undefined;
  /** When the end of the connection was handled, on the clock of `performance.now()`; `Infinity` until then. */
  endedAt = Infinity;

  /**
   * `look` tells the state of an open connection. The end of one connection may not have been handled yet when a call
   * of the next one is, since they are read one after the other.
   */
  constructor(port: number, look?: () => OriginState) {
    this.port = port;
    this.#look = look;
  }

  get state(): OriginState {
    return this.#look?.() ?? this.#state;
  }

  /**
   * Records that the connection has ended. `finished` says that the client ended it after it had received every reply.
   */
  end(finished: boolean, now: number): void {
    this.#look = undefined;
    this.#state = finished ? 'finished' : 'broken';
    this.endedAt = now;
  }
}

/**
 * Whether a call from `later` may be a repeat of one from `earlier`; both come from one address.
 *
 * Several clients may share an address (containers, NAT) and use the same xids. They are told apart by their
 * connections, as knfsd tells them apart by port: a call from another port is a retry only if the connection of the
 * first call has broken. While that connection is open, its client repeats calls there. If a client has gone without
 * the server noticing, its retry from another port is carried out again, as knfsd would do. Linux reconnects from the
 * same port, and since two connections cannot share a port, the older one has ended then, whether or not the server has
 * noticed.
 *
 * A client that has closed its connection after all its replies were acknowledged has nothing to repeat. The same xid
 * then comes from a program that counts from the same number at each start.
 */
export function mayAskAgain(earlier: Origin, later: Origin, now: number): boolean {
  if (earlier === later) return true;
  const { state } = earlier;
  if (state === 'finished') return false;
  // Otherwise any user of the client could get a reply that was meant for root, from an export that refuses such ports.
  if (earlier.port < PRIVILEGED_PORTS && later.port >= PRIVILEGED_PORTS) return false;
  if (earlier.port === later.port) return true;
  return state === 'broken' && now - earlier.endedAt <= ELSEWHERE_MS_MAX;
}
