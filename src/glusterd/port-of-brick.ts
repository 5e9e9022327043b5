import type { ConnectionOptions } from 'node:tls';
import { PORTBYBRICK } from '#protocols/gluster/brick-port.ts';
import { RpcClient } from '../rpcclnt/client.ts';
import { RpcError } from '../rpcclnt/error.ts';
import { toWire } from '../wire-text.ts';
import { processCredential } from './questions.ts';
import { type GlusterdAddress, serverText } from './servers.ts';

export interface PortOfBrickOptions {
  /** How long the connection may take, and how long the answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly tls?: ConnectionOptions;
  readonly family?: 4 | 6;
}

/**
 * Asks glusterd at which port a brick listens, which changes whenever the brick is started. The first server that answers
 * is believed.
 * @param brick the `remote-subvolume` of the volfile
 * @returns `undefined` if the brick does not run
 * @throws {RpcError} no server answers, with the reason of the last
 */
export async function portOfBrick(
  servers: readonly GlusterdAddress[],
  brick: string,
  options: PortOfBrickOptions,
): Promise<number | undefined> {
  let last: unknown = new RpcError('CANNOT_CONNECT', 'no glusterd is known');
  for (const server of servers) {
    try {
      return await unlessAborted(ask(server, brick, options), options.signal);
    } catch (error) {
      if (!(error instanceof RpcError) || options.signal?.aborted) throw error;
      last = error;
    }
  }
  throw last;
}

async function ask(server: GlusterdAddress, brick: string, options: PortOfBrickOptions): Promise<number | undefined> {
  const connection = Connection.to(server, options);
  try {
    const client = await connection.client;
    const { op_ret, port } = await client.ask(PORTBYBRICK, { brick: toWire(brick) }, { timeoutMs: options.timeoutMs });
    if (op_ret < 0 || port === 0) return undefined;
    if (port < 1 || port > 65_535) throw new RpcError('BAD_REPLY', `${serverText(server)}: a brick at port ${port}`);
    return port;
  } catch (error) {
    // The machine may be gone without having ended the connection. Those that wait for an answer still do.
    if (error instanceof RpcError && error.code === 'TIMED_OUT') connection.forget();
    throw error;
  } finally {
    connection.release();
  }
}

/** How long a connection is kept that is not used. Bricks of one server come and go together. */
const IDLE_MS = 2000;

/** One connection to each glusterd, for all bricks of this thread. */
class Connection {
  static readonly #all = new Map<string, Connection>();
  readonly client: Promise<RpcClient>;
  readonly #key: string;
  #users = 0;
  #idle: NodeJS.Timeout | undefined;

  static to(server: GlusterdAddress, options: PortOfBrickOptions): Connection {
    const key = `${serverText(server)} ${options.family} ${options.tls !== undefined}`;
    const connection = Connection.#all.get(key) ?? new Connection(key, server, options);
    connection.#users++;
    clearTimeout(connection.#idle);
    return connection;
  }

  private constructor(key: string, target: GlusterdAddress, { timeoutMs, tls, family }: PortOfBrickOptions) {
    this.#key = key;
    this.client = RpcClient.connect({
      target,
      timeoutMs,
      cred: processCredential(),
      ...(tls !== undefined && { tls }),
      ...(family !== undefined && { family }),
      onCall: () => {}, // nothing that glusterd tells its clients is about the ports of bricks
      onEnd: () => this.forget(),
    });
    this.client.catch(() => this.forget());
    Connection.#all.set(key, this);
  }

  release(): void {
    if (--this.#users > 0) return;
    this.#idle = setTimeout(() => {
      this.forget();
      void this.client.then(
        client => client.close(),
        () => {},
      );
    }, IDLE_MS).unref();
  }

  /** Lets those who ask from now on make another connection. */
  forget(): void {
    if (Connection.#all.get(this.#key) === this) Connection.#all.delete(this.#key);
  }
}

/** @throws {RpcError} ABORTED: the caller wants no answer any more */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const abort = () => reject(new RpcError('ABORTED', 'given up', { cause: signal.reason }));
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
