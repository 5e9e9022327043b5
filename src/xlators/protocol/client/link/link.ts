/** Does what `state.ts` decides: the connection to a brick, which is made again whenever it was lost. */
import { PING } from '#protocols/gluster/dump.ts';
import { SETVOLUME } from '#protocols/gluster/handshake.ts';
import type { Upcall } from '../../../../graph/event.ts';
import type { Log } from '../../../../log.ts';
import type { AnyProcedure } from '../../../../rpcclnt/calls.ts';
import { RpcClient } from '../../../../rpcclnt/client.ts';
import type { RpcClientOptions } from '../../../../rpcclnt/options.ts';
import type { StreamOptions } from '../../../../rpcclnt/socket.ts';
import { fopErrorOf } from '../remote.ts';
import { takeCallback } from './callbacks.ts';
import { Introducer, type Introducing, introductionOf } from './introduction.ts';
import { type LinkAction, type LinkEvent, type LinkState, next, OFF } from './state.ts';

/** How long it may take to make a connection, and for the brick to answer SETVOLUME. */
const CONNECT_MS = 10_000;
const INTRODUCE_MS = 30_000;
const RECORD_BYTES_MAX = 16 * 1024 * 1024;
/** More are under way only if a brick has answered nothing for long; the servers of NFS and the layers have limits of their own. */
const CALLS_MAX = 65_536;

export interface LinkConfig extends Introducing {
  readonly host: string;
  /** The brick's port, if glusterd is not asked for it. */
  readonly port: number | undefined;
  readonly log: Log;
  /** How long the brick may be silent while calls wait for it. */
  readonly pingMs: () => number;
  /** How the connection is made. @throws the settings cannot be used, such as a certificate that is not there */
  readonly stream: () => Promise<StreamOptions>;
  /** Asks glusterd for the port of the brick; `undefined` if it does not run. */
  readonly portOf: (signal: AbortSignal) => Promise<number | undefined>;
  /** Makes what was open and locked so again, before other calls are made. */
  readonly restore: (client: RpcClient) => Promise<void>;
  readonly up: (client: RpcClient, restarted: boolean) => void;
  readonly down: () => void;
  readonly upcall: (event: Upcall) => void;
  readonly answered: (procedure: AnyProcedure, value: unknown, ms: number) => void;
  readonly failed: (procedure: AnyProcedure) => void;
}

/**
 * The process of each brick, by its place, as the graphs of this thread have last known it. While one graph takes over from
 * another, a brick may be started anew: the old graph never meets its new process, and the new graph did not know the old one.
 */
const processes = new Map<string, string>();

export class Link {
  readonly #config: LinkConfig;
  readonly #place: string;
  readonly #introducer = new Introducer();
  #state: LinkState;
  /** Aborted when what is under way for the present attempt is given up, whose outcome then counts no longer. */
  #attempt = new AbortController();
  #client: RpcClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> = Promise.resolve();

  constructor(config: LinkConfig) {
    this.#config = config;
    this.#place = `${config.host}:${config.port ?? ''}:${config.subvolume}`;
    this.#state = { ...OFF, process: processes.get(this.#place) };
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The connection, once it is made; `undefined` while there is none. */
  get client(): RpcClient | undefined {
    return this.#client;
  }

  start(): void {
    this.#feed({ kind: 'start' });
  }

  /** Resolves when the connection is closed. */
  async stop(): Promise<void> {
    this.#feed({ kind: 'stop' });
    await this.#closing;
  }

  #feed(event: LinkEvent): void {
    const [state, actions] = next(this.#state, event, this.#config.port);
    this.#state = state;
    for (const action of actions) this.#do(action);
  }

  #do(action: LinkAction): void {
    const { log, name, up, down } = this.#config;
    switch (action.do) {
      case 'ask-port':
        this.#try(this.#askPort(), why => ({ kind: 'no-port', why }));
        break;
      case 'connect':
        this.#try(this.#connect(action.port), lost);
        break;
      case 'introduce':
        this.#try(this.#introduce(this.#client!), lost);
        break;
      case 'restore':
        this.#try(this.#restore(this.#client!), lost);
        break;
      case 'disconnect':
        this.#drop();
        break;
      case 'wait':
        this.#drop();
        this.#timeAfter(action.ms);
        break;
      case 'settle':
        this.#timeAfter(action.ms);
        break;
      case 'up':
        processes.set(this.#place, this.#state.process!);
        up(this.#client!, action.restarted);
        break;
      case 'down':
        down();
        break;
      case 'log':
        log[action.level]({ brick: `${this.#config.host}:${this.#config.subvolume}` }, `${name}: ${action.text}`);
        break;
    }
  }

  #timeAfter(ms: number): void {
    this.#timer = setTimeout(() => this.#feed({ kind: 'time' }), ms).unref();
  }

  /** Feeds what comes of `doing`, unless the attempt has been given up meanwhile. */
  #try(doing: Promise<LinkEvent>, failed: (why: string) => LinkEvent): void {
    const { signal } = this.#attempt;
    doing.then(
      event => {
        if (!signal.aborted) this.#feed(event);
      },
      (error: Error) => {
        if (!signal.aborted) this.#feed(failed(error.message));
      },
    );
  }

  async #askPort(): Promise<LinkEvent> {
    return { kind: 'port', port: await this.#config.portOf(this.#attempt.signal) };
  }

  async #connect(port: number): Promise<LinkEvent> {
    const { signal } = this.#attempt;
    const { host, name, pingMs, stream, answered, failed } = this.#config;
    const ping: RpcClientOptions['ping'] = {
      procedure: PING,
      get ms() {
        return pingMs();
      },
    };
    const options = await stream();
    const { tls } = options;
    const client = await RpcClient.connect({
      ...options,
      target: { host, port },
      timeoutMs: CONNECT_MS,
      signal,
      recordBytesMax: RECORD_BYTES_MAX,
      callsMax: CALLS_MAX,
      ping,
      errorOf: why => {
        // The brick may have given a lock without our knowing, so the connection is not used any further.
        if (why.code === 'BAD_REPLY') void client.close();
        return fopErrorOf(name, why);
      },
      answered,
      failed,
      onCall: (header, from) => takeCallback(header, from, this.#handlers),
      onEnd: why => {
        if (!signal.aborted)
          this.#feed(lost(why.code === 'BAD_REPLY' ? `${why.message}; ${noGluster(tls)}` : why.message));
      },
    });
    if (signal.aborted) {
      void client.close();
    } else {
      this.#client = client;
    }
    return { kind: 'connected' };
  }

  readonly #handlers = {
    upcall: (event: Upcall) => this.#config.upcall(event),
    storage: (works: boolean) => this.#feed({ kind: works ? 'storage-up' : 'storage-down' }),
  };

  async #introduce(client: RpcClient): Promise<LinkEvent> {
    const dict = this.#introducer.next(this.#config, this.#state.volumeId);
    const answer = await client.ask(SETVOLUME, { dict }, { timeoutMs: INTRODUCE_MS });
    return { kind: 'introduced', answer: introductionOf(answer) };
  }

  async #restore(client: RpcClient): Promise<LinkEvent> {
    await this.#config.restore(client);
    return { kind: 'restored' };
  }

  /** Gives up what is under way, and closes the connection. */
  #drop(): void {
    clearTimeout(this.#timer);
    this.#attempt.abort();
    this.#attempt = new AbortController();
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) this.#closing = Promise.all([this.#closing, client.close()]).then(() => {});
  }
}

const lost = (why: string): LinkEvent => ({ kind: 'lost', why });

const noGluster = (tls: StreamOptions['tls']): string =>
  tls === undefined ? 'the brick may expect TLS (transport.socket.ssl-enabled)' : 'this is no GlusterFS brick';
